package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/localaws"
)

// account runs a local AWS account until the context ends.
func account(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("aws", flag.ContinueOnError)
	f.SetOutput(out)
	listen := f.String("listen", "127.0.0.1:0", "`address` on 127.0.0.1 to listen on; port 0 is any free port")
	data := f.String("data", "", "`directory` that keeps the account over restarts (default: it is forgotten)")
	asJSON := f.Bool("json", false, "print the environment as one JSON object")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	port, err := loopbackPort(*listen)
	if err != nil {
		return err
	}
	server, err := localaws.Start(ctx, localaws.Options{Port: port, Data: *data, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer server.Stop()
	if err := printEnvironment(out, server.Env(), *asJSON); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-server.Ended():
		return errors.New("the local AWS has ended by itself; what it printed stands above")
	}
}

// loopbackPort returns the port of an address on this machine. The account has no passwords, so nobody else may reach
// it.
func loopbackPort(address string) (int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil || host != "127.0.0.1" {
		return 0, fmt.Errorf("--listen %q: want 127.0.0.1 and a port, such as 127.0.0.1:5000: the account has no "+
			"password and is for this machine only", address)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("--listen %q: the port is not a number from 0 to 65535", address)
	}
	return int(port), nil
}

// printEnvironment writes what AWS clients need, for a shell's eval or as JSON.
func printEnvironment(out io.Writer, environment []string, asJSON bool) error {
	if asJSON {
		object := make(map[string]string, len(environment))
		for _, pair := range environment {
			name, value, _ := strings.Cut(pair, "=")
			object[name] = value
		}
		return json.NewEncoder(out).Encode(object)
	}
	w := bufio.NewWriter(out)
	for _, pair := range environment {
		w.WriteString("export " + pair + "\n")
	}
	w.WriteString("# The local AWS is ready. Ctrl-C stops it.\n")
	return w.Flush()
}
