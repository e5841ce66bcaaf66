-- Reads in turn what the lines of a file name, each an access token and a path; every thread begins elsewhere.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  requests = {}
  for line in io.lines(args[1]) do
    local token, path = line:match("^(%S+) (%S+)$")
    requests[#requests + 1] = wrk.format("GET", path, { ["Host"] = wrk.headers["Host"], ["Authorization"] = "Bearer " .. token })
  end
  turn = number * math.floor(#requests / 2)
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
