// Command bootstrap is the executable of all Lambda functions that the project ships. The handler of the deployed
// function names the one that it is.
//
// It must not make a function start later than an executable of its own would: what a function sets up is in its New,
// not in variables and init functions of its packages.
package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/alerts"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/api"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/archiver"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/memory"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/metrics"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/processor"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/provisioning"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/watch"
)

// handlers are the functions by the handler that a deployed function has.
var handlers = map[string]func(getenv func(string) string, out io.Writer) (lambda.Handler, error){
	"alerts":       alerts.New,
	"api":          api.New,
	"archiver":     archiver.New,
	"metrics":      metrics.New,
	"processor":    processor.New,
	"provisioning": provisioning.New,
	"watch":        watch.New,
}

func main() {
	h, err := handler(os.Getenv, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var options []lambda.Option
	if o, ok := h.(interface{ Options() []lambda.Option }); ok {
		options = o.Options()
	}
	lambda.StartWithOptions(h, options...)
}

// handler makes the function that Lambda's variable _HANDLER names.
func handler(getenv func(string) string, out io.Writer) (lambda.Handler, error) {
	name := getenv("_HANDLER")
	start, ok := handlers[name]
	if !ok {
		return nil, fmt.Errorf("the handler of this function is %q, which is not one of %s: apply the pipeline again, "+
			"or set the handler to one of them", name, strings.Join(slices.Sorted(maps.Keys(handlers)), ", "))
	}
	memory.Tune(getenv)
	return start(getenv, out)
}
