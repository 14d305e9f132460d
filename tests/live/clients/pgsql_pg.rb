# SPDX-License-Identifier: Apache-2.0
# Pipelines with an error in them, named statements and text parameters with Ruby's pg.
require 'json'
require 'pg'
host, port, user, password, database = ARGV
db = PG.connect(host: host, port: port, user: user, password: password, dbname: database, sslmode: 'disable')
db.prepare('early', 'SELECT 1 WHERE 7 > $1')
$stdout.sync = true
puts '{"connected":true}'
$stdin.gets
def tell(told)
  puts told.to_json
end
n = db.exec_prepared('early', ['3']).ntuples
tell(early: true, status: 'OK', 'req.statement': 'early', 'resp.rows': n)
n = db.exec_params('SELECT name FROM people WHERE id < $1 OR name = $2', [2, nil]).ntuples
tell(op: 'SELECT', target: 'people', status: 'OK', 'req.params': ['2', nil], 'resp.rows': n, 'resp.columns': ['name'], 'resp.tx': 'idle')
db.prepare('by id', 'SELECT * FROM people WHERE id = $1')
tell(op: 'PARSE', target: 'people', status: 'OK', 'req.statement': 'by id')
columns = db.describe_prepared('by id').fields
tell(op: 'DESCRIBE', status: 'OK', 'req.statement': 'by id', 'resp.columns': columns)
[1, 9].each do |id|
  n = db.exec_prepared('by id', [id]).ntuples
  tell(op: 'SELECT', target: 'people', status: 'OK', 'req.statement': 'by id', 'req.params': [id.to_s], 'resp.rows': n, 'resp.columns': columns)
end
# What was sent with an error before it and no Sync between is skipped; behind the Sync it goes on.
asked = [['SELECT $1::text', ['a']], ['SELECT * FROM nope WHERE a = $1', ['b']], ['SELECT $1::text', ['c']], ['SELECT 1', []], nil,
         ['SELECT name FROM people', []]]
db.enter_pipeline_mode
asked.each { |ask| ask ? db.send_query_params(*ask) : db.pipeline_sync }
db.pipeline_sync
asked.each do |ask|
  result = db.get_result
  if ask.nil?
    raise 'no sync' unless result.result_status == PG::PGRES_PIPELINE_SYNC
    next
  end
  told = { op: 'SELECT', 'req.sql': ask[0] }
  told[:'req.params'] = ask[1] unless ask[1].empty?
  case result.result_status
  when PG::PGRES_TUPLES_OK then tell(told.merge(status: 'OK', 'resp.rows': result.ntuples))
  when PG::PGRES_PIPELINE_ABORTED then tell(told.merge(status: 'ABORTED'))
  else
    error = result.error_field(PG::Result::PG_DIAG_MESSAGE_PRIMARY)
    tell(told.merge(status: result.error_field(PG::Result::PG_DIAG_SQLSTATE), error: error))
  end
  db.get_result
end
db.get_result
db.exit_pipeline_mode
db.exec('DEALLOCATE "by id"')
tell(op: 'DEALLOCATE', status: 'OK', 'resp.tx': 'idle')
# The name has another text now.
db.prepare('by id', 'SELECT 1 WHERE $1::int > 0')
tell(op: 'PARSE', status: 'OK', 'req.statement': 'by id')
n = db.exec_prepared('by id', [5]).ntuples
tell(op: 'SELECT', status: 'OK', 'req.sql': 'SELECT 1 WHERE $1::int > 0', 'req.params': ['5'], 'resp.rows': n)
db.close
