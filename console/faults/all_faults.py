"""Importing this fills the catalogue."""

from console.faults import midnights as midnights
from console.faults import of_brokers as of_brokers
from console.faults import of_clocks as of_clocks
from console.faults import of_disks as of_disks
from console.faults import of_load as of_load
from console.faults import of_network as of_network
from console.faults import of_records as of_records
from console.faults import of_redis as of_redis
from console.faults import of_state as of_state
from console.faults import of_workers as of_workers
from console.faults import over_tls as over_tls
from console.faults import restoring as restoring
from console.faults.catalogue import CATALOGUE as CATALOGUE
