namespace Ssb.Conn.Cli.View;

/// <summary>How wide each column is on a terminal of a given width; 0 means left out.</summary>
internal sealed record TableColumns(int Key, int Type, int Address, int Source, int Age, int Heard, int Bar)
{
    /// <summary>Cells between two columns.</summary>
    public const int Gap = 2;

    /// <summary>Cells before the first column: new, verified, blank.</summary>
    public const int Marks = 3;

    /// <summary>Cells for the seconds left.</summary>
    public const int Seconds = 3;

    private const int Heading = 4; // LEFT
    private const int WholeAddress = 76; // net:192.168.100.100:8008~shs: and a key
    private const int WholeKey = 53; // @ 44 characters .ed25519

    /// <summary>Chooses what fits. What is least missed goes first: the heard time, who told, the type, the age, the address.</summary>
    public static TableColumns For(int width)
    {
        ReadOnlySpan<TableColumns> choices =
        [
            new(10, 4, 30, 18, 3, 5, 4), new(10, 4, 23, 18, 3, 0, 4), new(10, 4, 20, 0, 3, 0, 4), new(10, 0, 18, 0, 3, 0, 4),
            new(10, 0, 12, 0, 0, 0, 0), new(10, 0, 0, 0, 0, 0, 0),
        ];
        foreach (TableColumns choice in choices)
        {
            if (choice.Width <= width)
                return choice.Grow(width - choice.Width);
        }

        // Narrower than anything makes sense on: the key as far as it goes.
        return choices[^1];
    }

    /// <summary>Cells of a whole row, with one left free at the right edge.</summary>
    public int Width
    {
        get
        {
            int width = Marks + Key + Gap + LeftWidth + 1;
            ReadOnlySpan<int> others = [Type, Address, Source, Age, Heard];
            foreach (int column in others)
                width += column == 0 ? 0 : column + Gap;
            return width;
        }
    }

    /// <summary>Cells of the last column: a bar and the seconds, or the seconds under their heading.</summary>
    public int LeftWidth => Bar == 0 ? Heading : Bar + 1 + Seconds;

    private TableColumns Grow(int spare)
    {
        int source = Source == 0 ? 0 : Math.Min(Math.Max(0, spare - 12), 24 - Source);
        spare -= source;
        int address = Address == 0 ? 0 : Math.Min(spare, WholeAddress - Address);
        spare -= address;
        int key = Math.Min(spare, WholeKey - Key);
        spare -= key;
        int bar = Bar == 0 ? 0 : Math.Min(spare, 10 - Bar);
        spare -= bar;
        if (Source > 0)
            source += spare;
        return this with { Source = Source + source, Address = Address + address, Key = Key + key, Bar = Bar + bar };
    }
}
