-- wrk script: the same request with each of the cookies in turn, all built before the start.
-- Arguments: method, path, file with one Cookie value per line ("-" for requests without one).
local requests = {}
local next_request = 0

function init(arguments)
    local method, path, file = arguments[1], arguments[2], arguments[3]
    if file == "-" then
        -- Every login is of another user: one user's index must not grow with the length of the run.
        local offset = tonumber(arguments[4])
        for i = 1, 20000 do
            requests[i] = wrk.format(method, path .. (offset + i))
        end
    else
        for line in io.lines(file) do
            requests[#requests + 1] = wrk.format(method, path, { Cookie = line })
        end
    end
end

function request()
    next_request = next_request % #requests + 1
    return requests[next_request]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
