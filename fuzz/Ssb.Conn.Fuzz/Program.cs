using SharpFuzz;

namespace Ssb.Conn.Fuzz;

/// <summary>
/// <code>
/// Ssb.Conn.Fuzz TARGET --random COUNT [--seed S]    mutations, guided by coverage; needs nothing else
/// Ssb.Conn.Fuzz TARGET --blind COUNT [--seed S]     mutations of the corpus alone; faster, for great numbers
/// Ssb.Conn.Fuzz TARGET --libfuzzer                  under libfuzzer-dotnet
/// Ssb.Conn.Fuzz TARGET --afl                        under AFL
/// </code>
/// TARGET: address, datagram, boxed-datagram, handshake, box-stream, frames or data. The exit code is 1 for a fault, whose input is printed in hex, and 2 for wrong arguments.
/// </summary>
internal static class Program
{
    private const string Instrumented = "--instrumented";

    public static int Main(string[] arguments)
    {
        if (arguments.Length < 2 || !Targets.All.TryGetValue(arguments[0], out Action<byte[]>? target))
            return Usage();

        switch (arguments[1])
        {
            case "--libfuzzer":
                Fuzzer.LibFuzzer.Run(bytes => target(bytes.ToArray()));
                return 0;
            case "--afl":
                Fuzzer.OutOfProcess.Run(stream =>
                {
                    using var bytes = new MemoryStream();
                    stream.CopyTo(bytes);
                    target(bytes.ToArray());
                });
                return 0;
            case "--random" or "--blind" or Instrumented when TryReadCount(arguments, out long count, out int seed):
                if (arguments[1] == "--random")
                    return Coverage.RunInstrumented([arguments[0], Instrumented, .. arguments[2..]]);

                if (arguments[1] == Instrumented)
                    _ = ThreadPool.SetMaxThreads(1, 1);
                using (Coverage? coverage = arguments[1] == Instrumented ? new Coverage() : null)
                    return Run(arguments[0], target, count, seed, coverage);
            default:
                return Usage();
        }
    }

    private static int Run(string name, Action<byte[]> target, long count, int seed, Coverage? coverage)
    {
        var random = new Random(seed);
        var mutator = new Mutator(random);
        var corpus = Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "corpus", name)).Order(StringComparer.Ordinal)
            .Select(File.ReadAllBytes).ToList();
        int given = corpus.Count;

        for (long i = 0; i < count; i++)
        {
            // First the corpus as it is; then often what was found last, which is where there is news.
            byte[] from = corpus[random.Next(2) == 0 ? random.Next(corpus.Count) : Math.Max(0, corpus.Count - 1 - random.Next(16))];
            byte[] input = i < given ? corpus[(int)i] : mutator.Mutate(from, corpus[random.Next(corpus.Count)]);
            try
            {
                target(input);
            }
            catch (Exception fault)
            {
                Console.Error.WriteLine($"{name}, input {i} of seed {seed}: {Convert.ToHexStringLower(input)}");
                Console.Error.WriteLine(fault);
                return 1;
            }

            if (coverage?.IsNew() == true && i >= given)
                corpus.Add(input); // bounded by what there is to cover: 64 k branches in 8 buckets
        }

        string found = coverage is null ? "" : $", {coverage.Branches} branches, {corpus.Count - given} inputs that reached something new";
        Console.WriteLine($"{name}: {count:N0} inputs of seed {seed} without a fault{found}");
        return 0;
    }

    private static bool TryReadCount(string[] arguments, out long count, out int seed)
    {
        seed = 1;
        return long.TryParse(arguments.ElementAtOrDefault(2), out count) && count > 0
            && (arguments.Length == 3 || (arguments.Length == 5 && arguments[3] == "--seed" && int.TryParse(arguments[4], out seed)));
    }

    private static int Usage()
    {
        Console.Error.WriteLine(
            $"Usage: Ssb.Conn.Fuzz {string.Join('|', Targets.All.Keys)} --random COUNT [--seed S] | --blind COUNT [--seed S] | --libfuzzer | --afl");
        return 2;
    }
}
