package uplink

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// TestOwnMessageThatCannotBeSent: the server acknowledges nothing, so a message of the gateway's own finds no place. The
// connection ends, because the server has not heard of the alias of its topic.
func TestOwnMessageThatCannotBeSent(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{maximum: 3, aliases: 1}
		u := start(t, s, q, Settings{Limits: DefaultLimits})
		put(t, q, "gh/gw:a/telemetry", "0", "1", "2")
		p := s.accept()
		for range 3 {
			p.next()
		}
		begin := time.Now()
		if err := u.Publish("gh/gw/status", []byte("online")); err == nil || time.Since(begin) > connectTimeout {
			t.Errorf("error %v after %s", err, time.Since(begin))
		}
		p.ended()
		if took := time.Since(begin); took > connectTimeout {
			t.Errorf("the connection ended after %s", took)
		}
		p = s.accept()
		for i := range 3 {
			if topic, payload, _ := p.next(); topic != "gh/gw:a/telemetry" || payload != fmt.Sprint(i) {
				t.Errorf("message %s on %s", payload, topic)
			}
		}
	})
}

// TestRoomForOwnMessages: a full window leaves room for the gateway's state.
func TestRoomForOwnMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{maximum: 100}
		u := start(t, s, q, Settings{Limits: Limits{PublishesPerSecond: 1000, BytesPerSecond: 1 << 20, Window: 100}})
		for i := range 150 {
			put(t, q, "gh/gw:a/telemetry", fmt.Sprint(i))
		}
		p := s.accept()
		for range 96 {
			p.next()
		}
		p.none(time.Second)
		if err := u.Publish("gh/gw/status", []byte("online")); err != nil {
			t.Fatal(err)
		}
		if topic, _, _ := p.next(); topic != "gh/gw/status" {
			t.Errorf("message on %s", topic)
		}
	})
}

// TestRefusedSubscription: telemetry does not wait for a subscription that is refused permanently, and for one that is
// refused for now, the uplink connects again.
func TestRefusedSubscription(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{granted: []byte{0x97}}
		u := start(t, s, q, Settings{Limits: DefaultLimits})
		put(t, q, "gh/gw:a/telemetry", "1")
		p := s.accept()
		p.ended()
		synctest.Wait()
		if !strings.Contains(u.Stats().LastError, "children/+/commands for now: reason code 0x97") {
			t.Errorf("%+v", u.Stats())
		}
		s.granted = []byte{notAuthorized}
		p = s.accept()
		if _, payload, _ := p.next(); payload != "1" {
			t.Errorf("message %s", payload)
		}
		if !strings.Contains(u.Stats().LastError, "refused the subscription to gh/gw/children/+/commands") {
			t.Errorf("%+v", u.Stats())
		}
	})
}

// TestOrderBehindARefusal: what was on the way behind a message that is refused for now comes again behind it.
func TestOrderBehindARefusal(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{}
		u := start(t, s, q, Settings{Limits: DefaultLimits})
		put(t, q, "gh/gw:a/telemetry", "a0", "a1")
		put(t, q, "gh/gw:b/telemetry", "b0")
		put(t, q, "gh/gw:a/telemetry", "a2")
		p := s.accept()
		var ids []uint16
		for range 4 {
			_, _, id := p.next()
			ids = append(ids, id)
		}
		p.acknowledge(ids[2], 0)
		synctest.Wait()
		u.mu.Lock()
		l := u.link
		u.mu.Unlock()
		l.acknowledged(sent{topic: "gh/gw:a/telemetry", records: []uint64{1}}, 0x97)
		l.acknowledged(sent{topic: "gh/gw:a/telemetry", records: []uint64{2}}, 0)
		p.ended()
		p = s.accept()
		for _, want := range []string{"a0", "a1", "a2"} {
			_, payload, id := p.next()
			if payload != want {
				t.Errorf("message %s, want %s", payload, want)
			}
			p.acknowledge(id, 0)
		}
		synctest.Wait()
		if s := q.Stats(); s.Records != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestBatchOfBadJSON: a message that is not JSON does not spoil those that are.
func TestBatchOfBadJSON(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{}
		start(t, s, q, Settings{Limits: DefaultLimits, Batch: &Batch{MaxReadings: 10, MaxBytes: 1000, LingerMS: 1000}})
		put(t, q, "gh/gw:a/telemetry", `{"n":1}`, "\n {\"n\":2}", `{"n":`, `{"n":3}{`, `{"n":4}`, `{"n":5}`)
		p := s.accept()
		for _, want := range []string{"[{\"n\":1},\n {\"n\":2}]", `{"n":`, `{"n":3}{`, `[{"n":4},{"n":5}]`} {
			if _, payload, _ := p.next(); payload != want {
				t.Errorf("message %s, want %s", payload, want)
			}
		}
	})
}

// TestBatchesWithinBounds: a batch is never larger than its bound, and fills it.
func TestBatchesWithinBounds(t *testing.T) {
	const most = queue.MaxPayload
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{}
		start(t, s, q, Settings{Limits: Limits{PublishesPerSecond: 1000, BytesPerSecond: 1 << 30, Window: 100},
			Batch: &Batch{MaxReadings: 1000, MaxBytes: most, LingerMS: 1000}})
		reading := func(size int) string { return `{"n":"` + strings.Repeat("x", size-8) + `"}` }
		// The first two fill a batch to the last byte; the others do not fit together, or are a message by themselves.
		sizes := []int{most/2 - 2, most/2 - 1, most / 2, most/2 - 2, most}
		for _, size := range sizes {
			put(t, q, "gh/gw:a/telemetry", reading(size))
		}
		p := s.accept()
		for _, want := range []int{most, most / 2, most/2 - 2, most} {
			if _, payload, _ := p.next(); len(payload) != want {
				t.Errorf("a message of %d bytes, want %d", len(payload), want)
			}
		}
	})
}

// TestNewCredentials: the uplink connects again when what is on its way is acknowledged. Nothing comes twice, and there
// is no pause.
func TestNewCredentials(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{}
		u := start(t, s, q, Settings{Limits: DefaultLimits})
		put(t, q, "gh/gw:a/telemetry", "0", "1")
		p := s.accept()
		_, _, zero := p.next()
		_, _, one := p.next()
		begin := time.Now()
		u.Use("elsewhere:8883", nil)
		put(t, q, "gh/gw:a/telemetry", "2")
		p.none(time.Second)
		p.acknowledge(zero, 0)
		p.none(time.Second)
		p.acknowledge(one, 0)
		p.ended()
		p = s.accept()
		_, payload, _ := p.next()
		if took := time.Since(begin); payload != "2" || took > 3*time.Second || u.Stats().LastError != "" {
			t.Errorf("message %s after %s, %+v", payload, took, u.Stats())
		}
	})
}

// TestRetry ends a pause.
func TestRetry(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{refuse: true}
		u := start(t, s, q, Settings{Limits: DefaultLimits})
		<-time.After(time.Hour)
		synctest.Wait()
		s.mu.Lock()
		s.refuse = false
		s.mu.Unlock()
		begin := time.Now()
		u.Retry()
		s.accept()
		if took := time.Since(begin); took > 0 {
			t.Errorf("the uplink connects after %s", took)
		}
	})
}
