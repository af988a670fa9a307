// Command bootstrap is a function for the tests of lambdahost: what it does is in the event.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type request struct {
	Do    string
	Value string
}

func main() {
	if os.Getenv("FAIL_INIT") != "" {
		fmt.Println("no way to start")
		os.Exit(7)
	}
	served := 0
	var options []lambda.Option
	if path := os.Getenv("AT_END"); path != "" {
		options = append(options, lambda.WithEnableSIGTERM(func() {
			if err := os.WriteFile(path, []byte("ended"), 0o600); err != nil {
				panic(err)
			}
			if os.Getenv("STAYS") == "" {
				os.Exit(0)
			}
		}))
	}
	lambda.StartWithOptions(func(ctx context.Context, r request) (any, error) {
		served++
		switch r.Do {
		case "env":
			return os.Getenv(r.Value), nil
		case "fail":
			return nil, errors.New(r.Value)
		case "panic":
			panic(r.Value)
		case "exit":
			os.Exit(3)
		case "print":
			fmt.Println(r.Value)
		case "sleep":
			d, err := time.ParseDuration(r.Value)
			if err != nil {
				return nil, err
			}
			<-time.After(d)
		case "wait": // for another process to write the file
			for {
				if _, err := os.Stat(r.Value); err == nil {
					break
				}
				<-time.After(5 * time.Millisecond)
			}
		case "touch":
			return nil, os.WriteFile(r.Value, nil, 0o600)
		case "about":
			deadline, _ := ctx.Deadline()
			c, _ := lambdacontext.FromContext(ctx)
			return map[string]any{
				"arn":  c.InvokedFunctionArn,
				"id":   c.AwsRequestID,
				"name": lambdacontext.FunctionName,
				"left": time.Until(deadline).Seconds(),
			}, nil
		}
		return json.RawMessage(fmt.Sprintf(`{"pid":%d,"served":%d}`, os.Getpid(), served)), nil
	}, options...)
}
