package broker

import (
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
	_, err = Start(Options{Listen: []config.Listen{{Interface: "nowhere0", Port: 1883, Plain: true}}})
	if err == nil || !strings.Contains(err.Error(), `"nowhere0"`) {
		t.Errorf("an unknown interface: %v", err)
	}
}
