package lambdahost

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// maxAnswer is the largest response of a function, in bytes. [AWS 8: sync payload 6 MB]
const maxAnswer = 6<<20 + 100

// routes is the Lambda Runtime API of one process. [AWS 8 RAPI]
func (i *instance) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", i.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response",
		func(w http.ResponseWriter, r *http.Request) { i.serveAnswer(w, r, "") })
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error",
		func(w http.ResponseWriter, r *http.Request) { i.serveAnswer(w, r, "Unhandled") })
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", i.serveInitError)
	mux.HandleFunc("POST /2020-01-01/extension/register", i.serveRegister)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", i.serveExtension)
	return mux
}

// serveRegister registers an internal extension without events. It is how a function asks to be told of its end: as at
// AWS, a process with an extension gets SIGTERM and half a second.
func (i *instance) serveRegister(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxAnswer))
	i.extended.Store(true)
	w.Header().Set("Lambda-Extension-Identifier", uuid.NewString())
	io.WriteString(w, "{}")
}

// serveExtension never has an event for it.
func (i *instance) serveExtension(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-i.exited:
	}
}

// serveNext waits for the next event, without a time limit.
func (i *instance) serveNext(w http.ResponseWriter, r *http.Request) {
	i.asked.Do(func() { close(i.ready) })
	select {
	case inv := <-i.next:
		i.mu.Lock()
		i.current = inv
		i.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(i.function.Timeout).UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", i.function.ARN)
		w.Write(inv.payload) // if the process has died, watch notices it
	case <-r.Context().Done():
	case <-i.exited:
	}
}

// serveAnswer receives the result of the current event. A streamed response reports its failure in trailers.
func (i *instance) serveAnswer(w http.ResponseWriter, r *http.Request, functionError string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAnswer))
	if err != nil {
		http.Error(
			w,
			`{"errorMessage":"the response exceeds 6 MB","errorType":"RequestEntityTooLarge"}`,
			http.StatusRequestEntityTooLarge,
		)
		return
	}
	i.mu.Lock()
	inv := i.current
	if inv == nil || inv.id != r.PathValue("id") {
		i.mu.Unlock()
		http.Error(
			w,
			`{"errorMessage":"this invocation is not in progress","errorType":"InvalidRequestID"}`,
			http.StatusBadRequest,
		)
		return
	}
	i.current = nil
	i.mu.Unlock()
	if r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "" {
		functionError = "Unhandled"
	}
	inv.done <- Result{RequestID: inv.id, Payload: body, FunctionError: functionError}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, `{"status":"OK"}`)
}

// serveInitError acknowledges a failed initialization. The process then exits; its output explains the failure.
func (i *instance) serveInitError(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxAnswer))
	w.WriteHeader(http.StatusAccepted)
}
