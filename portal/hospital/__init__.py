"""What a hospital is for issuing: unit, points, catalogues, persons under special protection."""
