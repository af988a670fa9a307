package iotsql

import (
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/eval"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
)

// Function describes one SQL function, for documentation.
type Function struct {
	Name      string
	Section   string // of the reference
	Signature string
	Doc       string
	Version   string // the first SQL version that has it
	External  bool   // calls another AWS service
	Examples  []Example
}

// Example is an expression, the payload it reads ("" for none) and its value as JSON text or Undefined.
type Example struct{ SQL, Payload, Want string }

// Functions lists all functions in the order of the reference.
func Functions() []Function {
	var list []Function
	for _, f := range funcs.All() {
		d := Function{
			Name: f.Name, Section: f.Section, Signature: f.Signature, Doc: f.Doc,
			Version: eval.Version2015, External: f.External,
		}
		if f.V2 {
			d.Version = eval.Version2016
		}
		for _, e := range f.Examples {
			d.Examples = append(d.Examples, Example(e))
		}
		list = append(list, d)
	}
	return list
}

// check refuses versions that AWS does not know.
func (o Options) check() error {
	switch o.Version {
	case "", eval.Version2016, eval.Version2015, eval.VersionBeta:
		return nil
	}
	return fmt.Errorf("SQL version %q: AWS IoT has %s, %s and %s", o.Version, eval.Version2016, eval.Version2015,
		eval.VersionBeta)
}
