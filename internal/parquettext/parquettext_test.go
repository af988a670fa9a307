package parquettext

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

type row struct {
	Thing    *string            `parquet:"thing,optional,dict"`
	Measures map[string]float64 `parquet:"measures"`
	Payload  *string            `parquet:"payload,optional"`
	Number   int64              `parquet:"number"`
	Topic    string             `parquet:"topic"`
	Deep     struct {
		Payload string `parquet:"payload"`
	} `parquet:"deep"`
}

func rows(n int) []row {
	random := rand.New(rand.NewPCG(1, 2))
	made := make([]row, n)
	for i := range made {
		thing, payload := fmt.Sprintf("device-%d", random.IntN(20)), strings.Repeat("x", random.IntN(300))+fmt.Sprint(i)
		made[i] = row{Measures: map[string]float64{"a": 1, "b": 2}, Number: int64(i), Topic: "t/" + thing}
		made[i].Deep.Payload = "not this one"
		if random.IntN(4) > 0 {
			made[i].Thing = &thing
		}
		if random.IntN(10) > 0 {
			made[i].Payload = &payload
		}
	}
	return made
}

func write(t testing.TB, made []row, options ...parquet.WriterOption) []byte {
	t.Helper()
	var file bytes.Buffer
	w := parquet.NewGenericWriter[row](&file, options...)
	for len(made) > 0 { // several row groups
		n := min(len(made), 700)
		if _, err := w.Write(made[:n]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		made = made[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestColumns compares with the rows that parquet-go was given.
func TestColumns(t *testing.T) {
	made := rows(2000)
	var want [3][]string
	for _, r := range made {
		text := func(p *string) string {
			if p == nil {
				return ""
			}
			return *p
		}
		want[0], want[1] = append(want[0], text(r.Payload)), append(want[1], text(r.Thing))
		want[2] = append(want[2], r.Topic)
	}
	for name, options := range map[string][]parquet.WriterOption{
		"not compressed":  {parquet.Compression(&parquet.Uncompressed)},
		"snappy":          {parquet.Compression(&parquet.Snappy)},
		"gzip":            {parquet.Compression(&parquet.Gzip)},
		"version 1":       {parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(1)},
		"version 1, gzip": {parquet.Compression(&parquet.Gzip), parquet.DataPageVersion(1)},
		"small pages":     {parquet.DataPageVersion(1), parquet.PageBufferSize(500)},
	} {
		for _, encoding := range []encoding.Encoding{
			&parquet.Plain, &parquet.RLEDictionary, &parquet.DeltaLengthByteArray, &parquet.DeltaByteArray,
		} {
			t.Run(name+", "+encoding.String(), func(t *testing.T) {
				options := append(slices.Clone(options), parquet.DefaultEncodingFor(parquet.ByteArray, encoding))
				got, err := Columns(write(t, made, options...), "payload", "thing", "topic")
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want[:], got); diff != "" {
					t.Errorf("columns differ:\n%.2000s", diff)
				}
			})
		}
	}
}

func TestColumnsSaysWhatIsWrong(t *testing.T) {
	file := write(t, rows(10), parquet.Compression(&parquet.Snappy))
	brotli := write(t, rows(10), parquet.Compression(&parquet.Brotli))
	for _, c := range []struct {
		name, column, want string
		file               []byte
	}{
		{"JSON", "payload", "not a Parquet file", []byte(`{"payload": "but not Parquet"}`)},
		{"nothing", "payload", "not a Parquet file", nil},
		{"another column", "color", `no column "color"`, file},
		{"numbers", "number", `"number" is not text`, file},
		{"a map", "measures", `"measures" is not text`, file},
		{"a part of the file", "payload", "cut off", append([]byte(magic), file[len(file)-tail:]...)},
		{"another compression", "payload", "compression BROTLI is not read", brotli},
	} {
		if _, err := Columns(c.file, c.column); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// TestDamagedFiles reads files of which some bytes are others: an error or other text, never a panic.
func TestDamagedFiles(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, version := range []int{1, 2} {
		file := write(t, rows(50), parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(version))
		for range 3000 {
			damaged := slices.Clone(file)
			for range 1 + random.IntN(3) {
				damaged[random.IntN(len(damaged))] = byte(random.IntN(256))
			}
			columns, err := Columns(damaged, "payload", "thing")
			if err == nil && len(columns) != 2 {
				t.Errorf("%d columns", len(columns))
			}
		}
	}
}
