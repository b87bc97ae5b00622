"""Where batches live until every destination has had them; `base` is the contract."""
