namespace Ssb.Conn.Simulator;

/// <summary>A part of a whole, summed over hosts and moments.</summary>
internal sealed class Share
{
    public double Part { get; private set; }

    public double Whole { get; private set; }

    /// <summary>0 of nothing.</summary>
    public double Value => Whole == 0 ? 0 : Part / Whole;

    public void Add(double part, double whole) => (Part, Whole) = (Part + part, Whole + whole);
}
