-- The request of a case: -- REQUESTS-IN-FLIGHT METHOD PATH [CONTENT-TYPE TEXT TIMES]
-- The body is TEXT so many times over.
-- With one in flight wrk formats the request once; with more, all of them go out in one write.

function init(args)
    wrk.method = args[2]
    wrk.path = args[3]
    if args[4] then
        wrk.headers["content-type"] = args[4]
        wrk.body = string.rep(args[5], tonumber(args[6]))
    end
    local in_flight = tonumber(args[1])
    if in_flight > 1 then
        local batch = string.rep(wrk.format(), in_flight)
        request = function() return batch end
    end
end
