-- For wrk: POSTs of identifies, each with a messageId of its own, alone or in batches, by the clock as the run starts.
-- Arguments: path, value of the Authorization header, name of the run, identifies a batch (0: alone).

local path, authorization, run, size, to_email, from_email
local sent = 0

function init(arguments)
  path, authorization, run, size = arguments[1], arguments[2], arguments[3], tonumber(arguments[4])
  local now = os.date("!%Y-%m-%dT%H:%M:%S.000Z")
  to_email = '","timestamp":"' .. now .. '","traits":{"email":"'
  from_email = '@customer.example","firstName":"Ada","plan":"pro","createdAt":"' .. now .. '"},'
    .. '"context":{"library":{"name":"analytics-python","version":"2.3.4"},"locale":"en-GB"}}'
end

local function identify()
  sent = sent + 1
  local id = run .. "-" .. sent
  return '{"type":"identify","userId":"' .. id .. '","messageId":"' .. id .. to_email .. id .. from_email
end

function request()
  local body
  if size == 0 then
    body = identify()
  else
    local events = {}
    for number = 1, size do events[number] = identify() end
    body = '{"batch":[' .. table.concat(events, ",") .. ']}'
  end
  local headers = {["Content-Type"] = "application/json", ["Authorization"] = authorization}
  return wrk.format("POST", path, headers, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("counted %d %d %d %d\n", summary.requests, summary.duration,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(99)))
end
