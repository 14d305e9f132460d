// SPDX-License-Identifier: Apache-2.0

// What the clients in Go have in common: each tells what it did, a JSON object per exchange.
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
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
