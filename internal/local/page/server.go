// Package page shows a running pipeline in a browser: what flows through it, its devices, rules, alerts, dead letters,
// logs and archive.
//
// It has no logic of its own about pipelines. It shows what the runtime tells (Feed), reads what the pipeline has
// stored, and does what it is asked through the parts that do it anyway: the SQL engine, the broker, the simulator, and
// the device management API. The front end is in web; assets holds what is built of it.
package page

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
)

//go:embed assets
var assets embed.FS

// Options configure a server.
type Options struct {
	// Address is where it listens, as host:port; port 0 lets the kernel choose.
	Address string
	// Hosts are the names of this machine by which browsers may call it, besides localhost and addresses.
	Hosts []string
	// Runtime is what it shows, and Feed what the runtime has told so far.
	Runtime *local.Runtime
	Feed    *Feed
	// Pipeline is the pipeline's name.
	Pipeline string
}

// A Server serves the page until it is closed.
type Server struct {
	options  Options
	token    string
	listener net.Listener
	server   *http.Server
	ctx      context.Context // of what outlives a request
	cancel   context.CancelFunc
	working  sync.WaitGroup
	streams  broadcast
	fleet    fleet
	letter   sync.Map // the dead letters that were last seen, by ID
	sim      simulator
}

// Start serves the page.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{options: o}
	dir, err := o.Runtime.StateDir()
	if err != nil {
		return nil, err
	}
	if s.token, err = readToken(dir); err != nil {
		return nil, err
	}
	manifest, err := o.Runtime.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	o.Feed.Decode(manifest.Telemetry)
	o.Feed.read(o.Runtime.Deployed().Mappings)
	if s.listener, err = net.Listen("tcp", o.Address); err != nil {
		return nil, fmt.Errorf("listening for the page: %w; choose another address, such as --page=127.0.0.1:0", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.server = &http.Server{Handler: s.guard(s.routes()), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return s.ctx }}
	go s.server.Serve(s.listener) // until it is closed
	s.working.Go(s.tick)
	return s, nil
}

// URL is the address to open. The part after # holds the token; browsers do not send it anywhere.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/#token=" + s.token }

// Loopback reports whether only programs of this machine can call it.
func (s *Server) Loopback() bool {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// Close stops serving, and drops the requests in progress.
func (s *Server) Close() {
	s.cancel()
	s.server.Close()
	s.sim.close()
	s.working.Wait()
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	files, err := fs.Sub(assets, "assets")
	if err == nil { // the folder is embedded
		mux.Handle("/", http.FileServerFS(files))
	}
	mux.HandleFunc("GET /api/events", s.events)
	mux.HandleFunc("/api/v1/", s.management)
	for pattern, answer := range map[string]func(*http.Request) (any, error){
		"GET /api/pipeline":                    s.pipeline,
		"GET /api/edge":                        s.edge,
		"GET /api/messages":                    s.messages,
		"GET /api/messages/{trace}":            s.message,
		"GET /api/messages/{trace}/conditions": s.conditions,
		"GET /api/devices":                     s.devices,
		"GET /api/devices/{device}":            s.device,
		"POST /api/devices/{device}/commands":  s.command,
		"GET /api/simulator":                   s.simulated,
		"POST /api/simulator":                  s.simulate,
		"GET /api/alerts":                      s.alerts,
		"GET /api/archive":                     s.archive,
		"GET /api/archive/object":              s.rows,
		"GET /api/letters":                     s.letters,
		"POST /api/letters/{id}/again":         s.sendAgain,
		"POST /api/playground":                 s.try,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			got, err := answer(r)
			reply(w, got, err)
		})
	}
	return mux
}

// maxBody is the largest request, in bytes; a payload of MQTT has 128 KB.
const maxBody = 1 << 20

// problem is an error for the person at the page, with the status of the answer.
type problem struct {
	status int
	text   string
}

// Error says what is wrong.
func (p problem) Error() string { return p.text }

func notFound(format string, args ...any) error {
	return problem{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func reply(w http.ResponseWriter, got any, err error) {
	if p := (problem{}); errors.As(err, &p) {
		fail(w, p.status, p.text)
		return
	}
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(got)
}

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": text})
}

// read reads the request's body, a JSON document.
func read(r *http.Request, into any) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxBody:
		return problem{http.StatusRequestEntityTooLarge, "the request exceeds 1 MB"}
	}
	if err := json.Unmarshal(text, into); err != nil {
		return invalid("the request is not the JSON that is expected: %v", err)
	}
	return nil
}
