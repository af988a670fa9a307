// Package duckdb runs SQL in DuckDB, in tests that read Parquet and JSON files with another implementation than the one
// that wrote them. The program is built from tools/duckdb.
package duckdb

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Query runs the statements of setup and then the query, and decodes its rows: JSON objects by column, in which a
// timestamp is "2006-01-02 15:04:05.999" and a map an object.
func Query[Row any](t testing.TB, setup []string, query string) []Row {
	t.Helper()
	program := os.Getenv("IOT_DUCKDB")
	if program == "" {
		_, file, _, _ := runtime.Caller(0)
		program = filepath.Join(filepath.Dir(file), "../../../.cache/bin/duckdb-json")
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("DuckDB is not found, in IOT_DUCKDB or in .cache/bin; build it with: make duckdb")
	}
	request, err := json.Marshal(map[string]any{"setup": setup, "queries": []string{query}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Stdin = bytes.NewReader(request)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("DuckDB: %v\n%s", err, stderr.Bytes())
	}
	var answers [][]Row
	strict := json.NewDecoder(bytes.NewReader(out))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&answers); err != nil {
		t.Fatalf("reading DuckDB's answer: %v\n%s", err, out)
	}
	return answers[0]
}
