// Command scale measures fleets, from apply to destroy, with Terraform and the provider as users get them:
// wall time, requests, memory of the provider, size of the state. The devices live in package iotstub, which answers
// after 30 ms and, if asked, enforces AWS's default quotas; everything else of a pipeline lives in moto.
//
// It writes one line of CSV per measured command. tools/plotscale makes the table and the plot of docs/performance.md
// out of it. It runs on Linux only, where it can see the peak memory of the provider.
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

func main() {
	log.SetFlags(0)
	devices := flag.String("devices", "1,100,1000", "numbers of devices, separated by commas")
	source := flag.String("source", "file", "where the devices are written: file or map")
	limits := flag.String("quotas", "none,default", "none, default or both, separated by a comma")
	out := flag.String("out", "docs/performance.csv",
		"file to add the results to, in place of earlier ones of the same kind")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := measure(ctx, strings.Split(*devices, ","), strings.Split(*limits, ","), *source, *out); err != nil {
		log.Fatal(err)
	}
}

func measure(ctx context.Context, sizes, limits []string, source, out string) error {
	dir, err := os.MkdirTemp("", "scale")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	install, err := tftest.Build(ctx, dir)
	if err != nil {
		return err
	}
	moto, err := mototest.Run(ctx, io.Discard)
	if err != nil {
		return err
	}
	defer moto.Stop()
	for _, limit := range limits {
		for _, size := range sizes {
			n, err := strconv.Atoi(size)
			if err != nil {
				return err
			}
			if err := moto.Empty(ctx); err != nil {
				return err
			}
			l := &life{
				ctx:     ctx,
				devices: n,
				source:  source,
				quotas:  limit,
				install: install,
				binary:  filepath.Join(dir, "terraform-provider-iot"),
				dir:     filepath.Join(dir, limit+size),
				moto:    moto,
			}
			results, err := l.run()
			if err := errors.Join(err, moto.Refuse(ctx), keep(out, results)); err != nil {
				return fmt.Errorf("%d devices, quotas %s: %w", n, limit, err)
			}
		}
	}
	return nil
}

// result is one measured command.
type result struct {
	source, quotas   string
	command          string
	devices          int
	elapsed          time.Duration
	dictated         time.Duration // by the quotas
	requests, peakMB int
	stateBytes       int64
}

func (r result) fields() []string {
	return []string{r.source, r.quotas, strconv.Itoa(r.devices), r.command, seconds(r.elapsed), seconds(r.dictated),
		strconv.Itoa(r.requests), strconv.Itoa(r.peakMB), strconv.FormatInt(r.stateBytes, 10)}
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) }

var header = []string{
	"source",
	"quotas",
	"devices",
	"command",
	"seconds",
	"quota_seconds",
	"requests",
	"peak_mib",
	"state_bytes",
}

// keep puts results into a file; earlier ones of the same source, quotas and number of devices go.
func keep(name string, results []result) error {
	if len(results) == 0 {
		return nil
	}
	rows := [][]string{header}
	if file, err := os.Open(name); err == nil {
		old, err := csv.NewReader(file).ReadAll()
		file.Close()
		if err != nil {
			return fmt.Errorf("reading earlier results: %w", err)
		}
		first := results[0].fields()
		for _, row := range old {
			if row[0] != header[0] && !slices.Equal(row[:3], first[:3]) {
				rows = append(rows, row)
			}
		}
	}
	for _, r := range results {
		rows = append(rows, r.fields())
	}
	var text strings.Builder
	if err := csv.NewWriter(&text).WriteAll(rows); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text.String()), 0o644)
}

// dictated is the time that AWS's quotas leave no way below; a bucket holds one second's worth, which is free.
func dictated(added, removed int) time.Duration {
	takes, _ := fleet.Estimate(fleet.Load{Added: added, Removed: removed}, pipeline.StoreFor(max(added, removed)),
		func(operation string) float64 { return quotas[operation] })
	return max(0, takes-time.Second)
}
