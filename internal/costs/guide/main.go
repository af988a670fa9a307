// Command guide writes the guide "Costs" from the price table and the estimates of package costs.
// Run it with: go generate ./internal/costs/...
package main

import (
	"fmt"
	"os"
)

//go:generate go run .

// page is the path of the result, relative to this directory.
const page = "../../../docs/guides/costs.md"

func main() {
	text, err := render()
	if err == nil {
		err = os.WriteFile(page, []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
