// SPDX-License-Identifier: Apache-2.0

// Text and prepared statements with go-sql-driver; tells what it did as mysql_client.c does.
package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	_ "github.com/go-sql-driver/mysql"
)

func tell(pairs ...interface{}) {
	told := map[string]interface{}{}
	for i := 0; i < len(pairs); i += 2 {
		told[pairs[i].(string)] = pairs[i+1]
	}
	line, _ := json.Marshal(told)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func count(rows *sql.Rows, err error) int {
	must(err)
	n := 0
	for rows.Next() {
		n++
	}
	must(rows.Close())
	return n
}

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
