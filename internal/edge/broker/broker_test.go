package broker

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
)

// TestInterface: an interface stands for all its addresses, and one that is not there is an error with its name.
func TestInterface(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	loopback := ""
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 {
			loopback = i.Name
		}
	}
	addresses, err := addressesOf(loopback, 1883)
	if err != nil || !strings.Contains(strings.Join(addresses, " "), "127.0.0.1:1883") {
		t.Errorf("the loopback interface %q has %v, %v", loopback, addresses, err)
	}
}

// TestInterfaces: an interface that comes up later, and one whose address changes.
func TestInterfaces(t *testing.T) {
	var addresses []string
	o := Options{Listen: []config.Listen{{Interface: "eth1", Port: 1883, Plain: true}}, Prefix: "gh", Gateway: "gw-1",
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		addresses: func(name string, _ int) ([]string, error) {
			if len(addresses) == 0 {
				_, err := addressesOf("nowhere0", 1883)
				return nil, err
			}
			return addresses, nil
		}}
	b, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got := b.Addresses(); len(got) > 0 || !strings.Contains(b.Problem(), `"nowhere0"`) {
		t.Errorf("without the interface: %q, %q", got, b.Problem())
	}
	set := func(list ...string) {
		b.doors.Lock()
		defer b.doors.Unlock()
		addresses = list
	}
	try := func(want int) []string {
		t.Helper()
		b.lookAgain()
		got := b.Addresses()
		if len(got) != want || (want > 0) != (b.Problem() == "") {
			t.Fatalf("listens on %q, problem %q", got, b.Problem())
		}
		for _, address := range got {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
		return got
	}
	set("127.0.0.1:0")
	first := try(1)[0]
	if again := try(1)[0]; again != first {
		t.Errorf("the address %s became %s", first, again)
	}
	set("127.0.0.2:0")
	try(1)
	if conn, err := net.Dial("tcp", first); err == nil {
		conn.Close()
		t.Error("it still listens on the old address")
	}
	set("127.0.0.2:0", "203.0.113.1:0") // one that the interface has, and the system not yet
	b.lookAgain()
	if got := b.Addresses(); len(got) != 1 || !strings.Contains(b.Problem(), "203.0.113.1:0") {
		t.Errorf("listens on %q, problem %q", got, b.Problem())
	}
	set()
	try(0)
}

// TestAddressInUse: nobody waits for that.
func TestAddressInUse(t *testing.T) {
	b, _ := start(t, "soil-1")
	o := b.options
	o.Listen = []config.Listen{{Address: b.Addresses()[0], Plain: true}}
	if _, err := Start(o); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v", err)
	}
}
