"""Lists, declared once for screen, Excel and print: columns, filters, totals, paging; without a web framework."""
