package pipeline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// maxDeviceBytes is what a device of the map may take of the state, with two short attributes.
const maxDeviceBytes = 800

// The state grows by less than maxDeviceBytes per device where names are long: the longest name of a pipeline, one of
// the longest names of a region, and the store whose ARNs are the longer ones.
func TestStateBytesPerDevice(t *testing.T) {
	w := newLocalAWS(t)
	sizes := map[int]int{}
	with := func(devices int) resource.TestStep {
		var entries strings.Builder
		for i := range devices {
			fmt.Fprintf(&entries, "    \"device-%05d\" = { attributes = { bay = \"%d\", row = \"%d\" } }\n", i, 10+i,
				100+i)
		}
		return resource.TestStep{
			Config: "output \"here\" {\n  value = abspath(path.root)\n}\n" + w.config(
				pipeline(fmt.Sprintf("  name        = %q\n  region      = \"ap-southeast-1\"\n"+
					"  credentials = { store = \"secretsmanager\" }\n  devices = {\n%s  }\n",
					"greenhouse-north-district-number", entries.String())),
			),
			Check: func(s *terraform.State) error {
				here, _ := s.RootModule().Outputs["here"].Value.(string)
				text, err := os.ReadFile(filepath.Join(here, "terraform.tfstate"))
				sizes[devices] = len(text)
				return err
			},
		}
	}
	w.run(with(5), with(25))
	each := float64(sizes[25]-sizes[5]) / 20
	t.Logf("state: %d bytes with 5 devices, %d with 25, %.1f for each", sizes[5], sizes[25], each)
	if each >= maxDeviceBytes {
		t.Errorf("each device takes %.1f bytes of the state, and may take less than %d", each, maxDeviceBytes)
	}
}
