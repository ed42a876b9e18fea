using System.Buffers;

namespace Ssb.Conn.Benchmarks;

internal static class CheckBenchmarks
{
    private static readonly SearchValues<char> s_printable = SearchValues.Create(Enumerable.Range(0x22, 0x5D).Select(c => (char)c).ToArray());

    public static void Run(Table table, NpmSide? npm)
    {
        const int Count = 1_000, Rounds = 100;
        string[] addresses = [.. Enumerable.Range(0, Count).Select(Addresses.MakeMixed)];
        (double ours, double scan, double ratio) = Measure.Pair(60, Count * Rounds,
            () => () =>
            {
                int valid = 0;
                for (int r = 0; r < Rounds; r++)
                {
                    foreach (string a in addresses)
                        valid += MultiserverAddress.IsValid(a) ? 1 : 0;
                }

                Expect(valid == Count * Rounds);
            },
            () => () =>
            {
                int clean = 0;
                for (int r = 0; r < Rounds; r++)
                {
                    foreach (string a in addresses)
                        clean += a.AsSpan().ContainsAnyExcept(s_printable) ? 0 : 1;
                }

                Expect(clean == Count * Rounds);
            });
        if (npm is not null)
        {
            double theirs = Measure.Median(Enumerable.Range(0, 7).Select(_ => npm.Ask("check", ("count", Count), ("rounds", 100))));
            table.AtLeast("check of an address of 82 characters, against npm", Table.Ns(ours), Table.Ns(theirs), theirs / ours, 4);
        }

        table.AtMost("the same, against a vectorised scan of the text", Table.Ns(ours), Table.Ns(scan), ratio, 2.5);
    }

    public static void Expect(bool condition)
    {
        if (!condition)
            throw new InvalidOperationException("The benchmark did not do what it measures.");
    }
}
