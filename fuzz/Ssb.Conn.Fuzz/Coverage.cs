using System.Diagnostics;
using System.Runtime.InteropServices;
using SharpFuzz;
using Trace = SharpFuzz.Common.Trace;

namespace Ssb.Conn.Fuzz;

/// <summary>
/// Which branches an input took. SharpFuzz rewrites the assemblies so that each branch counts itself in a map of 64 kB; AFL and
/// libFuzzer read that map from outside, and here it is read inside, so that neither is needed.
/// </summary>
internal sealed unsafe class Coverage : IDisposable
{
    private const int Size = 65_536;

    private static readonly string[] s_instrumented = ["Ssb.Addressing.dll", "Ssb.Conn.Staging.dll", "Ssb.Conn.dll", "Ssb.Wire.dll", "Ssb.Conn.Net.dll"];

    private readonly byte* _map = (byte*)NativeMemory.AllocZeroed(Size);
    private readonly byte[] _seen = new byte[Size];

    /// <summary>How many branches were taken so far.</summary>
    public int Branches => Size - _seen.AsSpan().Count((byte)0);

    public Coverage() => Trace.SharedMem = _map; // at once: instrumented code writes there blindly

    /// <summary>Whether, since the last call, a branch was taken that never was, or many times more often than ever.</summary>
    public bool IsNew()
    {
        var map = new Span<byte>(_map, Size);
        bool isNew = false;
        int i = 0;
        while (map[i..].IndexOfAnyExcept((byte)0) is var skip and >= 0)
        {
            i += skip;
            byte bucket = (byte)(1 << (int)Math.Log2(map[i])); // once, twice, four times and more ... as AFL does
            isNew |= (_seen[i] & bucket) == 0;
            _seen[i] |= bucket;
            map[i] = 0;
        }

        Trace.PrevLocation = 0;
        return isNew;
    }

    public void Dispose() => NativeMemory.Free(_map);

    /// <summary>Runs this program again from a copy whose assemblies are instrumented.</summary>
    /// <returns>Its exit code.</returns>
    public static int RunInstrumented(IEnumerable<string> arguments)
    {
        DirectoryInfo copy = Directory.CreateTempSubdirectory("ssb-fuzz-");
        try
        {
            foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories))
            {
                string to = Path.Combine(copy.FullName, Path.GetRelativePath(AppContext.BaseDirectory, file));
                Directory.CreateDirectory(Path.GetDirectoryName(to)!); // the file has a folder
                File.Copy(file, to);
            }

            foreach (string assembly in s_instrumented)
                _ = Fuzzer.Instrument(Path.Combine(copy.FullName, assembly), _ => true, Options.Value).Count();

            // With one processor the thread pool can be limited to one thread, so that branches are counted in one order.
            var start = new ProcessStartInfo("dotnet", [Path.Combine(copy.FullName, "Ssb.Conn.Fuzz.dll"), .. arguments]);
            start.Environment["DOTNET_PROCESSOR_COUNT"] = "1";
            using Process child = Process.Start(start)!; // null only for what the shell starts
            child.WaitForExit();
            return child.ExitCode;
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }
}
