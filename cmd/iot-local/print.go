package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-isatty"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// printer writes one line per event and counts the events for the summary.
type printer struct {
	mu      sync.Mutex
	out     *bufio.Writer
	json    bool
	quiet   bool
	colour  bool
	began   time.Time
	counted map[counter]*count
}

// counter is one line of the summary.
type counter struct {
	kind   runlog.Kind
	rule   string
	action string
}

type count struct {
	succeeded, failed int
	time              time.Duration
}

func newPrinter(out io.Writer, asJSON, quiet bool) *printer {
	return &printer{
		out:     bufio.NewWriter(out),
		json:    asJSON,
		quiet:   quiet,
		colour:  !asJSON && terminal(out),
		began:   time.Now(),
		counted: map[counter]*count{},
	}
}

var (
	// loud are the kinds that are printed with --quiet, besides all errors.
	loud = []runlog.Kind{runlog.Ready, runlog.Refused, runlog.Warned}
	// uncounted are the kinds that the summary leaves out.
	uncounted = []runlog.Kind{runlog.Logged, runlog.Changed, runlog.Ready, runlog.Warned}
)

// terminal reports whether out can show colours. [no-color.org]
func terminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && isatty.IsTerminal(file.Fd())
}

func (p *printer) print(e runlog.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(e)
	if p.quiet && e.Error == "" && !slices.Contains(loud, e.Kind) {
		return
	}
	if p.json {
		line, _ := json.Marshal(e) // strings and numbers
		p.out.Write(append(line, '\n'))
	} else {
		p.out.WriteString(p.line(e) + "\n")
	}
	p.out.Flush()
}

func (p *printer) add(e runlog.Event) {
	key := counter{kind: e.Kind, rule: e.Rule, action: e.Action}
	if slices.Contains(uncounted, e.Kind) {
		return
	}
	if e.Kind == runlog.Refused {
		key.action = ""
	}
	c := p.counted[key]
	if c == nil {
		c = &count{}
		p.counted[key] = c
	}
	if e.Error != "" {
		c.failed++
	} else {
		c.succeeded++
	}
	c.time += e.Duration
}

// ANSI colours.
const (
	red, green, yellow, cyan, grey = "31", "32", "33", "36", "90"
)

var colours = map[runlog.Kind]string{
	runlog.Connected:    green,
	runlog.Disconnected: yellow,
	runlog.Admitted:     green,
	runlog.Refused:      red,
	runlog.Failed:       red,
	runlog.Received:     cyan,
	runlog.Logged:       grey,
	runlog.Changed:      yellow,
	runlog.Warned:       yellow,
	runlog.Ready:        green,
}

func (p *printer) paint(colour, text string) string {
	if !p.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// printable returns the event without control characters: a topic or an object's key may hold a device's text, which
// must not add lines or control the terminal. Errors and details may have several lines.
func printable(e runlog.Event) runlog.Event {
	without := func(kept string) func(rune) rune {
		return func(r rune) rune {
			if unicode.IsControl(r) && !strings.ContainsRune(kept, r) {
				return utf8.RuneError
			}
			return r
		}
	}
	for _, name := range []*string{&e.Thing, &e.Topic, &e.Rule, &e.Action, &e.Target} {
		*name = strings.Map(without(""), *name)
	}
	for _, text := range []*string{&e.Error, &e.Detail} {
		*text = strings.Map(without("\n\t"), *text)
	}
	return e
}

// line formats an event for people. Its columns are aligned for names of usual length.
func (p *printer) line(e runlog.Event) string {
	e = printable(e)
	colour := colours[e.Kind]
	if e.Error != "" {
		colour = red
	}
	what := strings.Join(fields(e), "  ")
	line := fmt.Sprintf("%s  %s  %-16s  %s", e.Time.Format("15:04:05.000"),
		p.paint(colour, fmt.Sprintf("%-12s", e.Kind)), e.Thing, what)
	if e.Duration > 0 {
		line += "  " + e.Duration.Round(100*time.Microsecond).String()
	}
	if e.Error != "" {
		line += "  " + p.paint(red, "error: "+e.Error)
	}
	return strings.TrimRight(line, " ")
}

// fields are the columns between the thing and the duration; empty ones are left out.
func fields(e runlog.Event) []string {
	var all []string
	if e.Topic != "" {
		all = append(all, fmt.Sprintf("%-32s", e.Topic))
	}
	if e.Rule != "" {
		all = append(all, fmt.Sprintf("%-24s", e.Rule))
	}
	switch {
	case e.Action != "" && e.Target != "":
		all = append(all, e.Action+" → "+e.Target)
	case e.Action != "":
		all = append(all, e.Action)
	}
	if e.Bytes > 0 {
		all = append(all, fmt.Sprintf("%d bytes", e.Bytes))
	}
	if e.Detail != "" {
		all = append(all, e.Detail)
	}
	return all
}

// summary prints the counts of all events.
func (p *printer) summary() {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.out.Flush()
	keys := make([]counter, 0, len(p.counted))
	for k := range p.counted {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b counter) int {
		return strings.Compare(string(a.kind)+a.rule+a.action, string(b.kind)+b.rule+b.action)
	})
	if p.json {
		type row struct {
			Kind      runlog.Kind `json:"kind"`
			Rule      string      `json:"rule,omitempty"`
			Action    string      `json:"action,omitempty"`
			Succeeded int         `json:"succeeded"`
			Failed    int         `json:"failed"`
		}
		rows := []row{}
		for _, k := range keys {
			rows = append(rows, row{k.kind, k.rule, k.action, p.counted[k].succeeded, p.counted[k].failed})
		}
		line, _ := json.Marshal(
			map[string]any{"kind": "summary", "seconds": time.Since(p.began).Seconds(), "counts": rows},
		)
		p.out.Write(append(line, '\n'))
		return
	}
	fmt.Fprintf(p.out, "\nIn %v:\n", time.Since(p.began).Round(time.Second))
	for _, k := range keys {
		c := p.counted[k]
		name := strings.TrimSpace(k.rule + " " + k.action)
		fmt.Fprintf(p.out, "  %-12s  %-40s  %7d", k.kind, name, c.succeeded+c.failed)
		if c.failed > 0 {
			fmt.Fprint(p.out, "  "+p.paint(red, fmt.Sprintf("%d failed", c.failed)))
		}
		if c.time > 0 {
			fmt.Fprintf(p.out, "  %v on average", (c.time / time.Duration(c.succeeded+
				c.failed)).Round(100*time.Microsecond))
		}
		fmt.Fprintln(p.out)
	}
}
