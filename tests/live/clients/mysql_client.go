// SPDX-License-Identifier: Apache-2.0

// Text and prepared statements with go-sql-driver; tells what it did as mysql_client.c does.
package main

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"
	"strings"

	_ "github.com/go-sql-driver/mysql"
)

func main() {
	a := os.Args
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s:%s)/%s", a[3], a[4], a[1], a[2], a[5]))
	must(err)
	db.SetMaxOpenConns(1)
	must(db.Ping())
	fmt.Println(`{"connected":true}`)
	bufio.NewReader(os.Stdin).ReadString('\n')
	tell("op", "SELECT", "target", "people", "status", "OK", "resp.rows", count(db.Query("SELECT * FROM people")))
	// With arguments each query is prepared, executed and closed.
	for i := 0; i < 3; i++ {
		n := count(db.Query("SELECT * FROM people WHERE id > ?", i))
		tell("op", "STMT_PREPARE", "target", "people", "status", "OK", "resp.param_count", 1)
		tell("op", "SELECT", "target", "people", "status", "OK", "req.params", []string{fmt.Sprint(i)}, "resp.rows", n)
		tell("op", "STMT_CLOSE", "status", "-")
	}
	_, err = db.Exec("SELECT * FROM nope WHERE a = ?", 1)
	text := err.Error()
	tell("op", "STMT_PREPARE", "target", "nope", "status", "1146/42S02", "error", text[strings.Index(text, ": ")+2:])
	db.Close()
	tell("op", "QUIT", "status", "-")
}
