package pipeline

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io"
	"os"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// machines are the architectures that a program can be for, by their names in the arguments.
var machines = map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64}

// maxProgram bounds what is unpacked of a zip to look at its program: more than four times of what iot-edge has.
const maxProgram = 64 << 20

// artifact returns the zip of iot-edge at path, which has to be for the architecture: a gateway would find out only
// after it has downloaded it. The error is a *pipeline.ProblemError.
func artifact(architecture, path string) ([]byte, func() ([]byte, error), error) {
	problem := func(reading error, summary, detail string, args ...any) error {
		return &pipeline.ProblemError{Err: reading, Problem: pipeline.Problem{
			Path:    fmt.Sprintf("edge.greengrass.artifacts[%q]", architecture),
			Summary: summary, Detail: fmt.Sprintf(detail, args...)}}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, problem(err, "The zip of iot-edge cannot be read", "%v. Take the zip for Linux on this "+
			"architecture from the release, or write the path where it is.", err)
	}
	switch machine, err := machineOf(content); {
	case err != nil:
		return nil, nil, problem(nil, "The zip has no iot-edge", "%q: %v. Take the zip of iot-edge from the release: "+
			"it has a program iot-edge for Linux.", path, err)
	case machine != machines[architecture]:
		return nil, nil, problem(nil, "The zip of iot-edge is for another architecture",
			"The program in %q is for %v, and gateways with %s cannot run it.", path, machine, architecture)
	}
	sum := sha256.Sum256(content)
	return sum[:], func() ([]byte, error) { return content, nil }, nil
}

func machineOf(content []byte) (elf.Machine, error) {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return 0, fmt.Errorf("reading the zip: %w", err)
	}
	file, err := archive.Open("iot-edge")
	if err != nil {
		return 0, err
	}
	program, err := io.ReadAll(io.LimitReader(file, maxProgram))
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return 0, fmt.Errorf("unpacking iot-edge: %w", err)
	}
	header, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return 0, fmt.Errorf("iot-edge is no program for Linux: %w", err)
	}
	return header.Machine, nil
}
