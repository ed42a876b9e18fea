using System.Text;
using Ssb.Conn.Cli.Terminals;

namespace Ssb.Conn.Cli.Tests;

public class QueuedWriterTests
{
    [Fact]
    public async Task Write_EachWay_IsWrittenInOrder()
    {
        var output = new StuckWriter(isStuck: false);
        await using var queue = new QueuedWriter(output) { NewLine = "\n" };
        queue.Write('a');
        queue.Write("b");
        queue.Write("cd"u8.ToArray().Select(b => (char)b).ToArray(), 0, 2);
        queue.WriteLine("e");
        await queue.WriteLineAsync("f");
        queue.WriteLine();

        Assert.True(queue.Drain(Patience.Guard));
        Assert.Equal("abcde\nf\n\n", output.Text);
    }

    [Fact]
    public void Write_ReaderThatTakesNothing_DoesNotWait()
    {
        var output = new StuckWriter(isStuck: true);
        using var queue = new QueuedWriter(output) { NewLine = "\n" };
        queue.WriteLine("first");
        output.WaitUntilStuck();
        for (int i = 0; i < QueuedWriter.MostTexts + 7; i++)
            queue.WriteLine($"line {i}");

        Assert.False(queue.Drain(TimeSpan.Zero));
        output.Release();
        Assert.True(queue.Drain(Patience.Guard));
        string[] lines = output.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal($"line {QueuedWriter.MostTexts - 1}", lines[^2]);
        Assert.Equal("ssb-conn: 7 more lines were not written here, since nobody read them.", lines[^1]);
        queue.WriteLine("after");
        Assert.True(queue.Drain(Patience.Guard));
        Assert.EndsWith("\nafter\n", output.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_LargeTexts_AreBoundedByTheirCharacters()
    {
        var output = new StuckWriter(isStuck: true);
        using var queue = new QueuedWriter(output) { NewLine = "\n" };
        queue.WriteLine("first");
        output.WaitUntilStuck();
        string large = new('x', QueuedWriter.MostCharacters / 2 - 1);
        for (int i = 0; i < 3; i++)
            queue.WriteLine(large);
        output.Release();

        Assert.True(queue.Drain(Patience.Guard));
        Assert.EndsWith("ssb-conn: 1 more line was not written here, since nobody read them.\n", output.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_TerminalThatIsGone_IsNoFailure()
    {
        using var queue = new QueuedWriter(new StuckWriter(isStuck: false) { Failure = new IOException("Input/output error") });
        queue.WriteLine("lost");

        Assert.True(queue.Drain(Patience.Guard));
    }

    // A pipe that is full until it is released.
    private sealed class StuckWriter(bool isStuck) : TextWriter
    {
        private readonly ManualResetEventSlim _free = new(!isStuck), _entered = new();
        private readonly StringBuilder _text = new();

        public override Encoding Encoding => Encoding.UTF8;

        public Exception? Failure { get; init; }

        public string Text
        {
            get
            {
                lock (_text)
                    return _text.ToString();
            }
        }

        public void WaitUntilStuck() => Assert.True(_entered.Wait(Patience.Guard, TestContext.Current.CancellationToken));

        public void Release() => _free.Set();

        public override void Write(string? value)
        {
            _entered.Set();
            _free.Wait(Patience.Guard);
            if (Failure is not null)
                throw Failure;
            lock (_text)
                _text.Append(value);
        }
    }
}
