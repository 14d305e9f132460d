// SPDX-License-Identifier: Apache-2.0

// Unnamed and named statements, COPY and errors with lib/pq; it prepares in one batch and executes in the next.
package main

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"

	"github.com/lib/pq"
)

func main() {
	a := os.Args
	db, err := sql.Open("postgres", fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=%s sslmode=disable", a[1], a[2], a[3], a[4], a[5]))
	must(err)
	db.SetMaxOpenConns(1)
	must(db.Ping())
	fmt.Println(`{"connected":true}`)
	bufio.NewReader(os.Stdin).ReadString('\n')
	tell("op", "SELECT", "target", "people", "status", "OK", "resp.rows", count(db.Query("SELECT * FROM people")))
	for i := 0; i < 3; i++ {
		n := count(db.Query("SELECT * FROM people WHERE id > $1", i))
		tell("op", "PARSE", "target", "people", "status", "OK", "resp.columns", []string{"id", "name"})
		tell("op", "SELECT", "target", "people", "status", "OK", "req.params", []string{fmt.Sprint(i)}, "resp.rows", n)
	}
	_, err = db.Exec("SELECT * FROM nope WHERE a = $1", 1)
	tell("op", "PARSE", "target", "nope", "status", string(err.(*pq.Error).Code), "error", err.(*pq.Error).Message)
	tx, err := db.Begin()
	must(err)
	tell("op", "BEGIN", "status", "OK", "resp.tx", "transaction")
	st, err := tx.Prepare(pq.CopyIn("people", "id", "name"))
	must(err)
	for i := 0; i < 1000; i++ {
		_, err = st.Exec(1000+i, "copied")
		must(err)
	}
	_, err = st.Exec()
	must(err)
	must(st.Close())
	tell("op", "COPY", "target", `"people"`, "status", "OK", "resp.rows", 1000)
	must(tx.Rollback())
	tell("op", "ROLLBACK", "status", "OK", "resp.tx", "idle")
	db.Close()
}
