// SPDX-License-Identifier: Apache-2.0
// main.go PORT: Go's net/http server with the paths /bytes/N /chunked/N /close/N /status/CODE /echo.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
)

func serve(w http.ResponseWriter, r *http.Request) {
	got, _ := io.Copy(io.Discard, r.Body)
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 2)
	n := 0
	if len(parts) > 1 {
		n, _ = strconv.Atoi(parts[1])
	}
	switch parts[0] {
	case "bytes":
		w.Header().Set("Content-Length", strconv.Itoa(n))
		w.Write(bytes.Repeat([]byte("g"), n))
	case "chunked":
		for at := 0; at < n; at += 5000 {
			w.Write(bytes.Repeat([]byte("g"), min(5000, n-at)))
			w.(http.Flusher).Flush()
		}
	case "close":
		w.Header().Set("Transfer-Encoding", "identity")
		w.Write(bytes.Repeat([]byte("g"), n))
	case "status":
		w.WriteHeader(n)
	case "echo":
		fmt.Fprint(w, got)
	default:
		w.WriteHeader(404)
	}
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func main() {
	server := &http.Server{Addr: "127.0.0.1:" + os.Args[1], Handler: http.HandlerFunc(serve), MaxHeaderBytes: 1 << 18}
	log.Fatal(server.ListenAndServe())
}
