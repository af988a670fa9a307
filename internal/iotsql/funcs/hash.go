package funcs

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"

	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

var hashFuncs = []*Func{
	hash("md2", func(s string) []byte { d := md2([]byte(s)); return d[:] }, "a9046c73e00331af68917d3804f70655"),
	hash("md5", func(s string) []byte { d := md5.Sum([]byte(s)); return d[:] }, "5d41402abc4b2a76b9719d911017c592"),
	hash("sha1", func(s string) []byte { d := sha1.Sum([]byte(s)); return d[:] },
		"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
	hash("sha224", func(s string) []byte { d := sha256.Sum224([]byte(s)); return d[:] },
		"ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193"),
	hash("sha256", func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] },
		"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
	hash("sha384", func(s string) []byte { d := sha512.Sum384([]byte(s)); return d[:] },
		"59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f"),
	hash(
		"sha512",
		func(s string) []byte { d := sha512.Sum512([]byte(s)); return d[:] },
		"9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
	),
	{
		Name: "newuuid", Section: sectionStrings, Signature: "newuuid()", Result: Text,
		Doc:      "A random UUID.",
		Examples: []Example{{SQL: "length(newuuid())", Want: "36"}},
		Call:     func(*Env, []value.Value) value.Value { return value.OfString(uuid.NewString()) },
	},
}

func hash(name string, sum func(string) []byte, hello string) *Func {
	return &Func{
		Name: name, Section: sectionStrings, Signature: name + "(text)", Min: 1, Max: 1, Result: Text,
		Doc:      "The hash of the text's UTF-8 bytes, in lower-case hexadecimal digits.",
		Examples: []Example{{SQL: name + "('hello')", Want: `"` + hello + `"`}},
		Call:     textToText(func(s string) string { return hex.EncodeToString(sum(s)) }),
	}
}
