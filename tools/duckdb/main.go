// Command duckdb runs SQL in DuckDB, for tests that check Parquet files with a second implementation.
//
// It reads {"setup": [SQL, …], "queries": [SQL, …]} from its input and writes one list of rows per query, each row an
// object by column: [[{"thing": "soil-001"}, …], …].
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"

	_ "github.com/duckdb/duckdb-go/v2"
)

type request struct {
	Setup   []string `json:"setup"`
	Queries []string `json:"queries"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var r request
	strict := json.NewDecoder(in)
	strict.DisallowUnknownFields()
	if err := strict.Decode(&r); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // what setup makes may belong to the connection
	for _, text := range r.Setup {
		if _, err := db.Exec(text); err != nil {
			return fmt.Errorf("%w\n%s", err, text)
		}
	}
	answers := make([][]json.RawMessage, len(r.Queries))
	for i, text := range r.Queries {
		if answers[i], err = query(db, text); err != nil {
			return fmt.Errorf("%w\n%s", err, text)
		}
	}
	return json.NewEncoder(out).Encode(answers)
}

// query lets DuckDB write the rows as JSON: it knows its types best.
func query(db *sql.DB, text string) ([]json.RawMessage, error) {
	rows, err := db.Query("SELECT to_json(q)::VARCHAR FROM (" + text + "\n) q")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []json.RawMessage{}
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			return nil, err
		}
		all = append(all, json.RawMessage(row))
	}
	return all, rows.Err()
}
