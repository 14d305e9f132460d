// SPDX-License-Identifier: Apache-2.0
// Text queries with the mysql package of node, all of them queued at once; tells what it did as mysql_client.c does.
'use strict';
const mysql = require('mysql');
const [host, port, user, password, database] = process.argv.slice(2);
const db = mysql.createConnection({ host, port: Number(port), user, password, database });
const tell = (told) => console.log(JSON.stringify(told));
db.connect((failed) => {
  if (failed) throw failed;
  console.log('{"connected":true}');
  process.stdin.once('data', () => {
    for (let i = 0; i < 20; i++) {
      const sql = `SELECT ${i} AS i, name FROM people WHERE id > ${i}`;
      db.query(sql, (error, rows) => tell({
        op: 'SELECT', target: 'people', status: 'OK', 'req.sql': sql, 'resp.rows': rows.length, 'resp.columns': ['i', 'name'] }));
    }
    db.query('SELECT nope FROM people', (error) => tell({
      op: 'SELECT', target: 'people', status: `${error.errno}/${error.sqlState}`, error: error.sqlMessage }));
    db.end(() => {
      tell({ op: 'QUIT', status: '-' });
      process.exit(0);
    });
  });
});
