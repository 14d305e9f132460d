# SPDX-License-Identifier: Apache-2.0
# Text and prepared statements with mysql2; tells what it did as mysql_client.c does.
require 'json'
require 'mysql2'
host, port, user, password, database = ARGV
db = Mysql2::Client.new(host: host, port: port.to_i, username: user, password: password, database: database)
$stdout.sync = true
puts '{"connected":true}'
$stdin.gets
n = db.query('SELECT name FROM people').count
puts({ op: 'SELECT', target: 'people', status: 'OK', 'resp.rows': n }.to_json)
st = db.prepare('SELECT name FROM `people` WHERE id < ? OR name = ? OR ? > 2')
puts({ op: 'STMT_PREPARE', target: '`people`', status: 'OK', 'resp.param_count': 3 }.to_json)
[[2, 'eve', 1.5], [-1, 'no', -0.25], [9, '', 1e30]].each do |params|
  n = st.execute(*params).count
  text = params.map { |p| p.is_a?(Float) && p > 1e15 ? '1e30' : p.to_s }
  puts({ op: 'SELECT', target: '`people`', status: 'OK', 'req.params': text, 'resp.rows': n }.to_json)
end
st.close
puts({ op: 'STMT_CLOSE', status: '-' }.to_json)
db.close
puts({ op: 'QUIT', status: '-' }.to_json)
