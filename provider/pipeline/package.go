package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// packaged returns a function from the user's own zip. The error is a *pipeline.ProblemError.
func packaged(function, path string) (string, func() ([]byte, error), error) {
	zip, err := os.ReadFile(path)
	if err != nil {
		return "", nil, &pipeline.ProblemError{Err: err, Problem: pipeline.Problem{Path: function + ".package",
			Summary: "The function's package cannot be read",
			Detail:  fmt.Sprintf("%v. Build the zip, or write the path where it is.", err)}}
	}
	sum := sha256.Sum256(zip)
	return base64.StdEncoding.EncodeToString(sum[:]), func() ([]byte, error) { return zip, nil }, nil
}

// readFiles lets the environment of an operation read the user's own files, or do without them. A refresh may run on a
// machine that does not have them, and so may a destroy, before which Terraform plans. They are not needed as long as
// their names are those in the state: the functions and the component keep what they have. What is not as described
// needs them.
func (s *session) readFiles(ctx context.Context, p purpose, prior *model) {
	if p == applying && prior != nil && !filesApplied(prior) {
		prior = nil
	}
	same := prior != nil && slices.Equal(filesOf(prior.spec), filesOf(s.model.spec))
	keep := func(err error) error {
		var problem *pipeline.ProblemError
		dispensable := p == reading || p == comparing || same && errors.Is(err, fs.ErrNotExist)
		if !errors.As(err, &problem) || !dispensable {
			return err
		}
		tflog.Warn(ctx, "a file was not compared", map[string]any{"reason": err.Error()})
		s.unread = append(s.unread, problem.Problem)
		return &pipeline.KeepError{Err: err}
	}
	s.env.Package = func(function, path string) (string, func() ([]byte, error), error) {
		sum, zip, err := packaged(function, path)
		return sum, zip, keep(err)
	}
	s.env.Artifact = func(architecture, path string) ([]byte, func() ([]byte, error), error) {
		sum, zip, err := artifact(architecture, path)
		return sum, zip, keep(err)
	}
	s.env.Descriptor = func(path, message string) (string, error) {
		text, err := described(path, message)
		return text, keep(err)
	}
}

// filesOf says which of the user's files the functions and the component come from, and what they get of them.
func filesOf(s pipeline.Spec) []string {
	s = pipeline.Defaults(s)
	var files []string
	if p := s.Processor.Package; p != nil {
		files = append(files, *p, *s.Functions.Architecture)
	}
	if s.API != nil && s.API.Package != nil {
		files = append(files, "api", *s.API.Package, *s.Functions.Architecture)
	}
	if p := s.Telemetry.Protobuf; p != nil {
		files = append(files, p.DescriptorFile, p.Message)
	}
	if e := s.Edge; e != nil && e.Greengrass != nil {
		for _, architecture := range slices.Sorted(maps.Keys(e.Greengrass.Artifacts)) {
			files = append(files, architecture, e.Greengrass.Artifacts[architecture])
		}
	}
	return files
}

// filesApplied reports whether every function and the component were as described at the last refresh.
func filesApplied(m *model) bool {
	records, err := m.records()
	return err == nil && !slices.ContainsFunc(records, func(r assembly.Record) bool {
		made := strings.HasPrefix(r.Key, contract.KeyFunctionPrefix) || r.Key == contract.KeyComponent
		return made && r.Status != assembly.Ready
	})
}

// unreadWarning says what a plan means without a file.
func unreadWarning(p pipeline.Problem) pipeline.Problem {
	p.Warning = true
	p.Detail += " The plan leaves what was made from it as it is, whatever the file holds. An apply that " +
		"has to write it again is refused."
	return p
}
