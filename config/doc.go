// Package config is usher's configuration: one YAML file read into one struct.
//
//	bytes ─ parse ─ decode ─────────────── check ─ Config
//	                 │ unknown and repeated    │ Validate of issuers and adapters,
//	                 │ keys, wrong kinds,      │ names that refer to one another,
//	                 │ ${ENV} and file:        │ the demo issuer's limits
//	                 └──────── Problems, each with its line ──┘
//
// Every problem is collected before Load answers, so that one run shows them
// all. The JSON Schema for editors, the option tables of the documentation and
// the decoder read the same struct tags (json, help, default, enum, required),
// and so cannot disagree.
//
// The package opens nothing: package cmd makes a running gateway out of a
// Config. It keeps no secret back from its caller; identity.Secret is what
// keeps them out of logs.
package config
