# SPDX-License-Identifier: Apache-2.0
# ask_redis.rb HOST PORT: commands of stdin, a JSON list each, by redis-rb; what came back as a JSON line each.
require "json"
require "redis"

redis = Redis.new(host: ARGV[0], port: ARGV[1].to_i)
STDIN.each_line do |line|
  begin
    puts JSON.generate({ v: redis.call(JSON.parse(line)) })
  rescue Redis::CommandError => err
    puts JSON.generate({ e: err.message })
  end
end
redis.close
