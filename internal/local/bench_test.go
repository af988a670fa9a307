package local

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/registry"
)

const (
	benchDevices = 50
	// unacknowledged is how many messages of a device may be on their way, less than AWS IoT's 100. [AWS 1.3]
	unacknowledged = 64
)

// latencies notes when each message was sent and stored, by its number.
type latencies struct {
	mu     sync.Mutex
	sent   []time.Time
	took   []time.Duration
	stored chan struct{} // closed when all are
}

var number = regexp.MustCompile(
	`"n"[^}]*?"Value":"(\d+)"|"Value":"(\d+)"[^}]*?"Name":"n"|"Name":"n"[^}]*?"Value":"(\d+)"`,
)

func (l *latencies) note(body []byte) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range number.FindAllSubmatch(body, -1) {
		n, err := strconv.Atoi(string(bytes.Join(m[1:], nil)))
		if err != nil || n >= len(l.sent) {
			continue
		}
		l.took = append(l.took, now.Sub(l.sent[n]))
		if len(l.took) == len(l.sent) {
			close(l.stored)
		}
	}
}

// benchDevice connects a device whose certificate the stub knows.
func benchDevice(b *testing.B, s *stub, r *Runtime, name string) paho.Client {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		b.Fatal(err)
	}
	s.thingByCertificate.Store(registry.Fingerprint(&x509.Certificate{Raw: der}), name)
	o := paho.NewClientOptions().
		AddBroker("ssl://" + r.MQTTAddr()).
		SetClientID(name).
		SetAutoReconnect(false).
		SetProtocolVersion(4).
		SetTLSConfig(&tls.Config{RootCAs: r.Authority().Pool(),
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	c := paho.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(20*time.Second) || token.Error() != nil {
		b.Fatal("connecting: ", token.Error())
	}
	b.Cleanup(func() { c.Disconnect(0) })
	return c
}

// send publishes a device's share of the messages at a rate per second (0: as fast as they are acknowledged).
func send(c paho.Client, name string, numbers []int, rate float64, l *latencies) error {
	window := make(chan paho.Token, unacknowledged)
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for token := range window {
			if !token.WaitTimeout(30*time.Second) || token.Error() != nil {
				failed <- fmt.Errorf("no acknowledgement: %w", token.Error())
				for range window {
				}
				return
			}
		}
	}()
	began := time.Now()
	for i, n := range numbers {
		if rate > 0 {
			<-time.After(time.Until(began.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
		}
		payload := fmt.Sprintf(
			`{"timestamp":%d,"data":{"temperature":21.5,"humidity":40,"n":%d}}`,
			time.Now().UnixMilli(),
			n,
		)
		l.mu.Lock()
		l.sent[n] = time.Now()
		l.mu.Unlock()
		window <- c.Publish("gh/"+name+"/telemetry", 1, false, payload)
	}
	close(window)
	return <-failed
}

func benchmark(b *testing.B, perSecond float64) {
	l := &latencies{stored: make(chan struct{}), sent: make([]time.Time, b.N)}
	s := startStub(b, l.note)
	config := aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: &s.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("stub", "stub", ""),
	}
	r, err := Start(b.Context(), Options{
		Config:     config,
		Pipeline:   "gh",
		MQTTAddr:   "127.0.0.1:0",
		StateDir:   b.TempDir(),
		Bootstraps: bootstraps,
		Refresh:    time.Hour,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	})
	clients := make([]paho.Client, benchDevices)
	for i := range clients {
		clients[i] = benchDevice(b, s, r, deviceName(i))
	}
	b.ResetTimer()
	var sending sync.WaitGroup
	for i, c := range clients {
		var numbers []int
		for n := i; n < b.N; n += benchDevices {
			numbers = append(numbers, n)
		}
		sending.Go(func() {
			if err := send(c, deviceName(i), numbers, perSecond/benchDevices, l); err != nil {
				b.Error(err)
			}
		})
	}
	sending.Wait()
	accepted := b.Elapsed()
	select {
	case <-l.stored:
	case <-time.After(60 * time.Second):
		b.Fatalf("%d of %d messages were stored", len(l.took), b.N)
	}
	b.StopTimer()
	slices.Sort(l.took)
	b.ReportMetric(float64(b.N)/accepted.Seconds(), "accepted/s")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stored/s")
	b.ReportMetric(float64(l.took[len(l.took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(l.took[len(l.took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkRuntimeFlatOut shows the runtime's own limit: 50 devices over TLS, two rules, the stream, and the real
// processor, with AWS replaced by a stub. Run it with -benchtime 50000x; an iteration is one message from publish to
// stored.
func BenchmarkRuntimeFlatOut(b *testing.B) { benchmark(b, 0) }

// BenchmarkRuntimeAt5000 shows the latency at 5000 messages per second.
func BenchmarkRuntimeAt5000(b *testing.B) { benchmark(b, 5000) }
