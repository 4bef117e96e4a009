-- Every step of claiming that must be atomic. A server runs a script alone, so nothing comes between its lines.
--
-- KEYS  1 the sentinel   2 the lock of the one who rebuilds
-- ARGV  1 what to do; the rest by that
--
--   look                                  -> {sentinel or false, run id, lock or false}
--   check    sentinel, run id             -> 1 sealed, 0 not
--   claim    sentinel, run id, prefix, rows (msgpack) -> false: not sealed; msgpack of what was found
--   restore  sentinel, run id, prefix, rows (msgpack) -> 1, 0: not sealed
--   swap     expected ("" none), run id, new          -> 1, 0: another was there, or another server
--   lock     owner, ttl ms, progress      -> 1 held and renewed, 0 another holds it
--   unlock   owner
--
-- "Sealed" is: the sentinel is exactly the one the caller knows, and the server is the one it was written for. A
-- server that was restarted, or a replica that took over, has another run id and may lack the last claims.
--
-- A row is {value, received at, lead_id, lead ttl, window, ttl, key, key, ...}; times in ms. A value is
-- "partition:offset:received at:lead_id" of the lead that claimed; a key that several leads have passed with, each
-- outside of the others' windows, holds their values, newest first, with a space between. Found is a list of {row from 0, key from 1 or 0
-- for the lead_id, value}, only for rows that may not pass.

-- Claims kept of one key: with the shortest window of an hour, those of a day of lag and some more.
local CLAIMS_MOST = 32

local sentinel_key, lock_key, todo = KEYS[1], KEYS[2], ARGV[1]

local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end

local function sealed()
  return redis.call('GET', sentinel_key) == ARGV[2] and run_id() == ARGV[3]
end

local function coordinates(value)
  return string.match(value, '^(%d+:%d+):')
end

local function received_at(value)
  return tonumber(string.match(value, '^%d+:%d+:(%-?%d+):'))
end

local function keys_of(row, prefix)
  local keys = { prefix .. 'lead:' .. row[3] }
  for at = 7, #row do
    keys[at - 5] = prefix .. 'like:' .. row[at]
  end
  return keys
end

-- The claims of a key, newest first, without the row's own: a row that comes late must find those of its own time.
local function others(held, own)
  local found = {}
  for value in string.gmatch(held, '[^ ]+') do
    if coordinates(value) ~= own then
      found[#found + 1] = value
    end
  end
  return found
end

-- A key lives as long as its newest claim says, whichever claim is added.
local function take(row, keys, held)
  if not held[1] then
    redis.call('SET', keys[1], row[1], 'PX', row[4])
  end
  for at = 2, #keys do
    if not held[at] then
      redis.call('SET', keys[at], row[1], 'PX', row[6])
    else
      local values, place = others(held[at], coordinates(row[1])), 1
      while values[place] and received_at(values[place]) > row[2] do
        place = place + 1
      end
      table.insert(values, place, row[1])
      local all = table.concat(values, ' ', 1, math.min(#values, CLAIMS_MOST))
      if place == 1 then
        redis.call('SET', keys[at], all, 'PX', row[6])
      else
        redis.call('SET', keys[at], all, 'KEEPTTL')
      end
    end
  end
end

-- The first reason why a row may not pass: the lead_id is another record's, or a key is within the window. A lead_id
-- of its own says nothing of its keys: they may be those of a plan that came since it was claimed.
local function seen(row, held)
  local own = coordinates(row[1])
  if held[1] and coordinates(held[1]) ~= own then
    return 0, held[1]
  end
  for at = 2, #row - 5 do
    for _, value in ipairs(held[at] and others(held[at], own) or {}) do
      if math.abs(received_at(value) - row[2]) < row[5] then
        return at - 1, value
      end
    end
  end
end

if todo == 'claim' then
  if not sealed() then
    return false
  end
  local found, prefix = {}, ARGV[4]
  for at, row in ipairs(cmsgpack.unpack(ARGV[5])) do
    local keys = keys_of(row, prefix)
    local held = redis.call('MGET', unpack(keys))
    local which, value = seen(row, held)
    if which then
      found[#found + 1] = { at - 1, which, value }
    else
      take(row, keys, held)
    end
  end
  return cmsgpack.pack(found)
end

if todo == 'restore' then
  if not sealed() then
    return 0
  end
  for _, row in ipairs(cmsgpack.unpack(ARGV[5])) do
    local keys = keys_of(row, ARGV[4])
    take(row, keys, redis.call('MGET', unpack(keys)))
  end
  return 1
end

if todo == 'check' then
  return sealed() and 1 or 0
end

if todo == 'look' then
  return { redis.call('GET', sentinel_key), run_id(), redis.call('GET', lock_key) }
end

if todo == 'swap' then
  if (redis.call('GET', sentinel_key) or '') ~= ARGV[2] or run_id() ~= ARGV[3] then
    return 0
  end
  redis.call('SET', sentinel_key, ARGV[4])
  return 1
end

local holder = redis.call('GET', lock_key)
local is_mine = holder and string.sub(holder, 1, #ARGV[2] + 1) == ARGV[2] .. ' '

if todo == 'lock' then
  if holder and not is_mine then
    return 0
  end
  redis.call('SET', lock_key, ARGV[2] .. ' ' .. ARGV[4], 'PX', ARGV[3])
  return 1
end

if todo == 'unlock' then
  if is_mine then
    redis.call('DEL', lock_key)
  end
  return 1
end

return redis.error_reply('unknown step ' .. todo)
