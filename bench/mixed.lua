-- wrk script: sessions in turn; every fifth request writes, the others read. Which sessions write moves on each turn.
-- Argument: file with one Cookie value per line.
local reads, writes = {}, {}
local number = 0

function init(arguments)
    for line in io.lines(arguments[1]) do
        reads[#reads + 1] = wrk.format("GET", "/read", { Cookie = line })
        writes[#writes + 1] = wrk.format("POST", "/write", { Cookie = line })
    end
end

function request()
    local place = number % #reads + 1
    local turn = math.floor(number / #reads)
    number = number + 1
    if (number + turn) % 5 == 0 then
        return writes[place]
    end
    return reads[place]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
