// Package victoriametrics runs a real VictoriaMetrics for tests, which takes line protocol as InfluxDB does. It knows
// nothing of pipelines.
package victoriametrics

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var errNotFound = errors.New("VictoriaMetrics is not found, in IOT_VICTORIA_METRICS, on PATH as victoria-metrics, or in " +
	".cache/bin; build it with: make victoria-metrics")

// find returns the path of the program.
func find() (string, error) {
	if path := os.Getenv("IOT_VICTORIA_METRICS"); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("victoria-metrics"); err == nil {
		return path, nil
	}
	_, file, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(file), "../../../.cache/bin/victoria-metrics")
	if _, err := os.Stat(path); err != nil {
		return "", errNotFound
	}
	return path, nil
}

// Server is a VictoriaMetrics with an address and data of its own. It ends with the test.
type Server struct {
	URL string

	t         testing.TB
	arguments []string
	password  string // path of the file with the password of the user admin; "" without one
	cmd       *exec.Cmd
}

// Start starts a server.
func Start(t testing.TB) *Server { return start(t, "") }

// StartWithPassword starts a server that asks for the user admin and a password.
func StartWithPassword(t testing.TB, password string) *Server {
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, path)
}

func start(t testing.TB, passwordFile string) *Server {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	s := &Server{URL: "http://" + address, t: t, password: passwordFile, arguments: []string{
		"-httpListenAddr=" + address, "-storageDataPath=" + t.TempDir(), "-retentionPeriod=100y",
		// A point that is written twice counts once, as in InfluxDB.
		"-dedup.minScrapeInterval=1ms",
		"-search.latencyOffset=0s",
	}}
	if passwordFile != "" {
		s.arguments = append(s.arguments, "-httpAuth.username=admin", "-httpAuth.password=file://"+passwordFile)
	}
	s.Restart()
	t.Cleanup(s.Stop)
	return s
}

// Restart starts the server again, with the same address and data, and returns when it takes requests.
func (s *Server) Restart() {
	s.t.Helper()
	path, err := find()
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(path, s.arguments...)
	log, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	seen := ""
	for lines.Scan() {
		seen += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "started server at ") {
			go io.Copy(io.Discard, log)
			return
		}
	}
	s.t.Fatalf("VictoriaMetrics ended: %v\n%s", s.cmd.Wait(), seen)
}

// Stop ends the server; its data stays for Restart.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(os.Interrupt) // it may have ended
	s.cmd.Wait()
	s.cmd = nil
}

// SetPassword replaces the password and returns when the server refuses the former one.
func (s *Server) SetPassword(password string) {
	s.t.Helper()
	former := s.read()
	if err := os.WriteFile(s.password, []byte(password), 0o600); err != nil {
		s.t.Fatal(err)
	}
	for {
		if status, _ := s.get("/api/v1/labels", former); status == http.StatusUnauthorized {
			return
		}
		if s.t.Context().Err() != nil {
			s.t.Fatal("VictoriaMetrics keeps taking the former password")
		}
	}
}

func (s *Server) read() string {
	if s.password == "" {
		return ""
	}
	text, err := os.ReadFile(s.password)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *Server) get(path, password string) (int, []byte) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if password != "" {
		request.SetBasicAuth("admin", password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, text
}

// Samples returns every stored value: "name{thing} milliseconds" to the value. A second value of one name, thing and
// time fails the test.
func (s *Server) Samples() map[string]float64 {
	s.t.Helper()
	password := s.read()
	s.get("/internal/force_flush", password) // what was just written becomes visible
	status, text := s.get("/api/v1/export?"+url.Values{"match[]": {`{__name__!=""}`}}.Encode(), password)
	if status != http.StatusOK {
		s.t.Fatalf("exporting: %d %s", status, text)
	}
	samples := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		var series struct {
			Metric     map[string]string
			Values     []float64
			Timestamps []int64
		}
		if err := json.Unmarshal([]byte(line), &series); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		for i, at := range series.Timestamps {
			key := fmt.Sprintf("%s{%s} %d", series.Metric["__name__"], series.Metric["thing"], at)
			if _, found := samples[key]; found {
				s.t.Errorf("%s is stored twice", key)
			}
			samples[key] = series.Values[i]
		}
	}
	return samples
}
