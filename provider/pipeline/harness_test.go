package pipeline_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
	"github.com/iot-pipeline/terraform-provider-iot/provider"
)

func TestMain(m *testing.M) {
	if err := tftest.ForFramework(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// localAWS is an AWS account that belongs to one test, with the requests that it has received.
type localAWS struct {
	*awstest.LocalAWS
	t    *testing.T
	seen int // requests up to the last mark
}

func newLocalAWS(t *testing.T) *localAWS {
	t.Helper()
	t.Parallel()
	return &localAWS{LocalAWS: awstest.Start(t), t: t}
}

// run carries out the steps; afterwards the account must be as empty as before.
func (w *localAWS) run(steps ...resource.TestStep) {
	w.t.Helper()
	resource.Test(w.t, resource.TestCase{
		IsUnitTest: true,
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"iot": providerserver.NewProtocol6WithError(provider.New("test")()),
		},
		CheckDestroy: func(*terraform.State) error { return w.requireEmpty() },
		Steps:        steps,
	})
}

func (w *localAWS) requireEmpty() error {
	if left := w.Left(w.t); len(left) > 0 {
		return fmt.Errorf("left in the account:\n%s", strings.Join(left, "\n"))
	}
	return nil
}

// config is a configuration with the provider block that leads to the test's account.
func (w *localAWS) config(blocks ...string) string {
	return w.provider("") + strings.Join(blocks, "\n")
}

func (w *localAWS) provider(more string) string {
	var endpoints strings.Builder
	for _, service := range awsapi.EndpointServices {
		fmt.Fprintf(&endpoints, "    %s = %q\n", service, w.Server.URL)
	}
	return fmt.Sprintf(`
provider "iot" {
  region            = %q
  access_key        = "mototest"
  secret_key        = "mototest"
  max_retries       = 2
  s3_use_path_style = true
%s
  endpoints {
%s  }
}
`, mototest.Region, more, endpoints.String())
}

const address = "iot_pipeline.test"

// pipeline is a resource block called test.
func pipeline(body string) string { return "resource \"iot_pipeline\" \"test\" {\n" + body + "\n}\n" }

// mark begins a new stretch of requests.
func (w *localAWS) mark() { w.seen = len(w.Server.Requests(w.t)) }

// writes are the requests since the mark that changed something, each once, sorted.
func (w *localAWS) writes() []string {
	var all []string
	for _, r := range w.Server.Requests(w.t)[w.seen:] {
		if !readsOnly(r.Operation) {
			all = append(all, r.Service+":"+r.Operation)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func readsOnly(operation string) bool {
	for _, verb := range []string{"Get", "List", "Describe", "Head", "BatchGet", "Query", "Scan"} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}

// wrote checks that since the mark exactly these requests changed something.
func (w *localAWS) wrote(want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := w.writes(); !slices.Equal(got, want) {
			return fmt.Errorf("requests that write:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		return nil
	}
}
