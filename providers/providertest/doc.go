// Package providertest is the suite that every adapter passes. Run takes a
// Harness, which opens a fresh simulated vendor with one connection, and holds
// the adapter to the contract of package providers: what it declares works,
// what it does not declare answers unsupported_by_provider, every failure has
// its code and says whether the vendor may have acted, and no error text holds
// a secret. Cases skip by capability, never by a provider's name.
package providertest
