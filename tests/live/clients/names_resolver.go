// SPDX-License-Identifier: Apache-2.0

// Asks Go's own resolver (net.Resolver, not libc's) and tells what it was told: names_resolver HOST:PORT TYPE NAME TYPE NAME...
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
)

func tell(kind, name string, answers []string, err error) {
	status := "NOERROR"
	var failed *net.DNSError
	if errors.As(err, &failed) && failed.IsNotFound {
		status = "NXDOMAIN"
	} else if err != nil {
		panic(err)
	}
	sort.Strings(answers)
	line, _ := json.Marshal([]interface{}{kind, name, status, answers})
	fmt.Println(string(line))
}

func main() {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, os.Args[1])
	}}
	ctx := context.Background()
	for i := 2; i+1 < len(os.Args); i += 2 {
		var err error
		kind, name, answers := os.Args[i], os.Args[i+1], []string{}
		switch kind {
		case "A":
			var ips []net.IP
			ips, err = resolver.LookupIP(ctx, "ip4", name+".")
			for _, ip := range ips {
				answers = append(answers, ip.String())
			}
		case "MX":
			var hosts []*net.MX
			hosts, err = resolver.LookupMX(ctx, name+".")
			for _, host := range hosts {
				answers = append(answers, fmt.Sprintf("%d %s", host.Pref, host.Host))
			}
		case "TXT":
			var texts []string
			texts, err = resolver.LookupTXT(ctx, name+".")
			for _, text := range texts {
				answers = append(answers, fmt.Sprintf("%q", text))
			}
		}
		tell(kind, name, answers, err)
	}
}
