"""The scripts that Redis runs for a store: each sees and changes everything at one moment.

KEYS[1] is the prefix of all names: v:KEY values, s:STREAM streams, l:KEY leases; `names` and
`ends` list the keys by name and by the millisecond they end; `last` is the latest position.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Script(NamedTuple):
    """A script, and the name Redis gives it."""

    text: str
    sha: str


def _script(body: str) -> Script:
    text = _SHARED + body
    # Redis names scripts by SHA-1; nothing depends on its strength.
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


# `open` comes first in every script that needs memory. In a full server it fails there, before anything is changed;
# a removal that went through before the first refusal would be half a commit.
_SHARED = """
local P = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ms = math.floor(now / 1000)

local function open()
  local last = tonumber(redis.call('GET', P .. 'last') or '0')
  if now <= last then now = last + 1 end
  redis.call('SET', P .. 'last', string.format('%.0f', now))
end

local function put(key, value, ttl)
  redis.call('SET', P .. 'v:' .. key, value, 'PX', ttl)
  redis.call('ZADD', P .. 'names', 0, key)
  redis.call('ZADD', P .. 'ends', string.format('%.0f', ms + ttl), key)
end

local function drop(key)
  if redis.call('DEL', P .. 'v:' .. key) == 1 then
    redis.call('ZREM', P .. 'names', key)
    redis.call('ZREM', P .. 'ends', key)
  end
end

local function sweep(most)
  local over = redis.call('ZRANGEBYSCORE', P .. 'ends', '-inf', string.format('%.0f', ms), 'LIMIT', 0, most)
  for _, key in ipairs(over) do
    redis.call('ZREM', P .. 'names', key)
    redis.call('ZREM', P .. 'ends', key)
  end
end
"""

COMMIT = _script("""
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local there = redis.call('GET', P .. 'v:' .. ARGV[at])
  if there ~= (ARGV[at + 1] == '1' and ARGV[at + 2]) then return 0 end
  at = at + 3
end
for look = at, #ARGV, 5 do
  if ARGV[look] ~= 'drop' then
    open()
    break
  end
end
sweep(10)
local position = now
while at <= #ARGV do
  local kind, name, value, ttl, most = unpack(ARGV, at, at + 4)
  if kind == 'put' then
    put(name, value, tonumber(ttl))
  elseif kind == 'drop' then
    drop(name)
  else
    redis.call('XADD', P .. 's:' .. name, 'MAXLEN', '=', most, string.format('%.0f-0', position), 'v', value)
    redis.call('PEXPIRE', P .. 's:' .. name, ttl)
    redis.call('SET', P .. 'last', string.format('%.0f', position))
    redis.call('PUBLISH', P .. 'appended', name)
    position = position + 1
  end
  at = at + 5
end
return 1
""")

ADD = _script("""
local there = redis.call('GET', P .. 'v:' .. ARGV[1])
if there then return there end
open()
sweep(10)
put(ARGV[1], ARGV[2], tonumber(ARGV[3]))
return false
""")

TAKE = _script("""
local there = redis.call('GET', P .. 'v:' .. ARGV[1])
drop(ARGV[1])
return there
""")

KEYS = _script("""
sweep(1000)
local found, from, most = {}, '[' .. ARGV[1], tonumber(ARGV[2])
while #found < most do
  local some = redis.call('ZRANGEBYLEX', P .. 'names', from, '[' .. ARGV[1] .. '\\255', 'LIMIT', 0, 1000)
  for _, key in ipairs(some) do
    if #found < most and redis.call('EXISTS', P .. 'v:' .. key) == 1 then found[#found + 1] = key end
  end
  if #some < 1000 then break end
  from = '(' .. some[#some]
end
return found
""")

LEASE = _script("""
local owner = redis.call('GET', P .. 'l:' .. ARGV[1])
if owner and owner ~= ARGV[2] then return 0 end
redis.call('SET', P .. 'l:' .. ARGV[1], ARGV[2], 'PX', ARGV[3])
return 1
""")

RELEASE = _script("""
if redis.call('GET', P .. 'l:' .. ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('DEL', P .. 'l:' .. ARGV[1])
""")
