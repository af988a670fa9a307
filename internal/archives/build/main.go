// Command build compiles the Lambda functions and packs them into internal/archives/zips, where the provider embeds
// them.
//
//	go run ./internal/archives/build                       all architectures
//	go run ./internal/archives/build -architectures x86_64 -o DIR
//
// The same source produces the same bytes, and so the same CodeSha256, on any machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/archives"
	"github.com/iot-pipeline/terraform-provider-iot/internal/archives/build/bundle"
)

func main() {
	architectures := flag.String("architectures", strings.Join(archives.Architectures(), ","),
		"architectures to build for")
	root := flag.String("root", ".", "the module's root directory")
	out := flag.String("o", "", "the directory for the file (default internal/archives/zips below the root)")
	flag.Parse()
	if *out == "" {
		*out = filepath.Join(*root, "internal", "archives", "zips")
		if err := removeOthers(*out); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *out, strings.Split(*architectures, ",")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, out string, architectures []string) error {
	if runtime.Version() != bundle.Toolchain {
		fmt.Fprintf(os.Stderr, "this is %s; the functions are built with %s, fetched if it is not installed\n",
			runtime.Version(), bundle.Toolchain)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var executables []archives.Executable
	for _, architecture := range architectures {
		code, err := bundle.Compile(ctx, root, architecture)
		if err != nil {
			return err
		}
		executables = append(executables, archives.Executable{Architecture: architecture, Code: code})
		zip, err := archives.Zip(code)
		if err != nil {
			return err
		}
		fmt.Printf("%-8s %9d bytes, zip %8d bytes, sum %s\n", architecture, len(code), len(zip),
			archives.CodeSHA256(zip))
	}
	packed, err := archives.Pack(executables)
	if err != nil {
		return err
	}
	path := filepath.Join(out, archives.FileName)
	if err := os.WriteFile(path, packed, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s %d bytes\n", path, len(packed))
	return nil
}

// removeOthers deletes the files that earlier versions left: the provider embeds the whole directory.
func removeOthers(dir string) error {
	zips, err := filepath.Glob(filepath.Join(dir, "*.zip"))
	if err != nil {
		return err
	}
	for _, path := range zips {
		if filepath.Base(path) == archives.FileName {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
