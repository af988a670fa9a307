package pipeline_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// TestAnEndpointThatChanges: plain moto answers each DescribeEndpoint with another host name. The pipeline keeps the
// one that it got when it was created.
func TestAnEndpointThatChanges(t *testing.T) {
	w := newLocalAWS(t)
	target, err := url.Parse(w.Server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/endpoint" {
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(rw, `{"endpointAddress":"random-%d.iot.us-east-1.amazonaws.com"}`, asked.Add(1))
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	direct := fmt.Sprintf("    iot = %q\n", w.Server.URL)
	config := strings.Replace(w.config(pipeline(`name = "changing"`)), direct, fmt.Sprintf("    iot = %q\n", server.URL), 1)

	var endpoint string
	keeps := func(s *terraform.State) error {
		now := s.RootModule().Resources[address].Primary.Attributes["mqtt_endpoint"]
		if endpoint == "" {
			endpoint = now
		}
		if !strings.HasPrefix(now, "random-") || now != endpoint {
			return fmt.Errorf("mqtt_endpoint is %q, want %q", now, endpoint)
		}
		return nil
	}
	w.run(
		resource.TestStep{Config: config, Check: keeps,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectUnknownValue(address, tfjsonpath.New("mqtt_endpoint")),
				},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			}},
		resource.TestStep{Config: config, Check: keeps},
	)
}
