"""The evidence: every attack in every setting, with and without defences, and what it says of the paper's claims."""
