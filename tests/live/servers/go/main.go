// SPDX-License-Identifier: Apache-2.0
// main.go PORT [PEM]: Go's net/http server with the paths /bytes/N /chunked/N /close/N /status/CODE /echo; with a key and its
// certificate by TLS.
// main.go client BASE CA CONNECTIONS [STEP...]: asks for the steps, METHOD PATH SIZE, one after the other on each of so many
// connections at the same time; without any it waits for a line on stdin and takes those that follow.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
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

type step struct {
	method, path string
	size         int
}

func ask(client *http.Client, base string, s step) {
	var body io.Reader
	if s.size > 0 {
		body = bytes.NewReader(bytes.Repeat([]byte("b"), s.size))
	}
	req, err := http.NewRequest(s.method, base+s.path, body)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

func client(base, authority string, connections int, words string) {
	input := bufio.NewReader(strings.NewReader(words))
	if words == "" {
		input = bufio.NewReader(os.Stdin)
		input.ReadString('\n')
	}
	pem, err := os.ReadFile(authority)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	var steps []step
	for {
		var s step
		if _, err := fmt.Fscan(input, &s.method, &s.path, &s.size); err != nil {
			break
		}
		steps = append(steps, s)
	}
	var done sync.WaitGroup
	for i := 0; i < connections; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
			for _, s := range steps {
				ask(&http.Client{Transport: transport}, base, s)
			}
			transport.CloseIdleConnections()
		}()
	}
	done.Wait()
}

func main() {
	if os.Args[1] == "client" {
		connections, _ := strconv.Atoi(os.Args[4])
		client(os.Args[2], os.Args[3], connections, strings.Join(os.Args[5:], " "))
		return
	}
	server := &http.Server{Addr: "127.0.0.1:" + os.Args[1], Handler: http.HandlerFunc(serve), MaxHeaderBytes: 1 << 18}
	if len(os.Args) < 3 {
		log.Fatal(server.ListenAndServe())
	}
	server.ErrorLog = log.New(io.Discard, "", 0)
	server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){} // HTTP/1.1 alone
	log.Fatal(server.ListenAndServeTLS(os.Args[2], os.Args[2]))
}
